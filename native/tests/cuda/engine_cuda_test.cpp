// The engine on a GPU, from its JSON methods down through libhqq_cuda.so: what happens when memory runs out at any
// allocation, when work is cancelled anywhere, and over many models. Uses the demo model (HQQ_DEMO_MODEL names another copy).
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>
#include <vector>

#include "engine/cuda_library.h"
#include "engine/methods.h"
#include "tests/cuda/support/device.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

using namespace hqq;

namespace {

/// Free memory may differ by what the driver keeps for code that was loaded meanwhile.
constexpr int64_t kDriverSlack = int64_t{48} << 20;
constexpr int kCycles = 60;

std::string demo_model() {
  const char* given = std::getenv("HQQ_DEMO_MODEL");
  return given ? given : HQQ_REPO "/resources/demo-model";
}

CudaLibrary& library() {
  CudaLibrary& all = CudaLibrary::instance();
  if (all.state() != CudaState::ready) FAIL("the GPU library is not ready: ", all.sentence());
  return all;
}

int64_t live_bytes() {
  HqqCudaMemory own{};
  library().call(library().api().device.memory, 0, &own);
  return own.weights + own.metadata + own.kv_cache + own.scratch + own.pinned;
}

int64_t free_bytes() {
  HqqCudaDeviceInfo info{};
  library().call(library().api().device.describe, 0, &info);
  return info.free_bytes;
}

int64_t allocations() {
  int64_t count = 0;
  library().call(library().api().device.allocation_count, &count);
  return count;
}

void fail_allocation(int64_t nth) { library().call(library().api().device.fail_allocation, nth); }

/// Says "stop" at the n-th time it is asked; 0 is never.
class Stopper final : public Reporter {
 public:
  explicit Stopper(int64_t at = 0) : at_(at) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override {}
  bool cancelled() const override { return at_ > 0 && ++asked_ >= at_; }
  int64_t asked() const { return asked_; }

 private:
  int64_t at_;
  mutable int64_t asked_ = 0;
};

Json call(Engine& engine, const std::string& method, const Json& input, Reporter& reporter) {
  return parse_json(run_method(engine, method, input.dump(), reporter));
}

Json load_input(const std::string& device = "cuda:0", bool fast = true) {
  Json input;
  input.set("dir", demo_model()).set("computeDtype", "float32").set("contextLength", 256).set("fast", fast);
  return input.set("device", device);
}

Json::Array some_ids(int64_t count) {
  Json::Array ids;
  for (int64_t i = 0; i < count; ++i) ids.emplace_back(1 + i * 7919 % 1000);
  return ids;
}

std::string load(Engine& engine, const std::string& device = "cuda:0", bool fast = true) {
  NullReporter quiet;
  return call(engine, "model.load", load_input(device, fast), quiet).at("handle").as_string();
}

Json generate_input(const std::string& handle) {
  Json input;
  input.set("handle", handle).set("ids", some_ids(40)).set("temperature", 0.8).set("topK", 0).set("topP", 1.0);
  input.set("minP", 0.0).set("repetitionPenalty", 1.1).set("seed", 7).set("maxNewTokens", 24);
  return input.set("stopIds", Json::Array{});
}

Json perplexity_input(const std::string& handle, const std::string& ids_file) {
  Json input;
  input.set("handle", handle).set("idsFile", ids_file).set("protocol", "windows").set("window", 64).set("stride", 64);
  return input;
}

Json quantize_input(const std::string& out) {
  Json quant;
  quant.set("nbits", 4).set("groupSize", 64).set("axis", 1).set("channelWise", true).set("roundZero", true);
  quant.set("method", "hqq").set("quantZero", false).set("quantScale", false);
  Json::Array plan;
  for (const char* name : {"model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj", "model.layers.1.mlp.down_proj"}) {
    Json entry;
    plan.push_back(entry.set("name", name).set("quant", quant));
  }
  Json input;
  input.set("modelDir", demo_model()).set("outDir", out).set("plan", std::move(plan)).set("computeDtype", "float16");
  return input.set("device", "cuda:0");
}

/// A piece of work whose allocations and looks at the reporter are counted.
struct Phase {
  const char* name;
  std::function<void(Engine&, Reporter&, const std::string& handle, const test::TempDir&)> work;
  bool needs_model;
};

const std::vector<Phase>& phases() {
  static const std::vector<Phase> all = {
      {"load",
       [](Engine& e, Reporter& r, const std::string&, const test::TempDir&) { call(e, "model.load", load_input(), r); }, false},
      {"generate", [](Engine& e, Reporter& r, const std::string& handle, const test::TempDir&) {
         const Json made = call(e, "model.generate", generate_input(handle), r);
         // Cancelling is an outcome of a generation.
         if (made.at("finishReason").as_string() == "cancelled") throw EngineError(ErrorCode::cancelled, "cancelled");
       }, true},
      {"perplexity", [](Engine& e, Reporter& r, const std::string& handle, const test::TempDir& dir) {
         call(e, "model.perplexity", perplexity_input(handle, dir.write("ids.json", Json(some_ids(200)).dump())), r);
       }, true},
      {"quantize", [](Engine& e, Reporter& r, const std::string&, const test::TempDir& dir) {
         static int run = 0;
         call(e, "model.quantize", quantize_input(dir / ("out" + std::to_string(++run))), r);
       }, false},
  };
  return all;
}

/// Runs a phase from the start; the code it failed with, if it did.
std::optional<ErrorCode> run(const Phase& phase, Reporter& reporter, int64_t failing = 0) {
  const test::TempDir dir;
  Engine engine;
  const std::string handle = phase.needs_model ? load(engine) : "";
  fail_allocation(failing);
  try {
    phase.work(engine, reporter, handle, dir);
  } catch (const EngineError& error) {
    fail_allocation(0);
    return error.code();
  }
  fail_allocation(0);
  return {};
}

}  // namespace

TEST("engine: memory that runs out at any allocation is a typed error, nothing leaks, and the next job works") {
  test::need_device();
  NullReporter quiet;
  for (const Phase& phase : phases()) {
    CHECK(!run(phase, quiet), phase.name);  // code is loaded and pools are there from now on
    const int64_t live = live_bytes(), free = free_bytes(), before = allocations();
    CHECK(!run(phase, quiet), phase.name);
    int64_t whole = allocations() - before;
    if (phase.needs_model) {
      const int64_t at = allocations();
      Engine engine;
      load(engine);
      whole -= allocations() - at;
    }
    for (int64_t n = 1; n <= whole; ++n) {
      const auto code = run(phase, quiet, n);
      CHECK(code == ErrorCode::out_of_memory, phase.name, ", allocation ", n, " of ", whole, ": ",
            code ? to_string(*code) : "no error");
      CHECK(live_bytes() == live, phase.name, ", allocation ", n, " of ", whole, ": ", live_bytes() - live, " bytes leak");
    }
    CHECK(!run(phase, quiet), phase.name);
    CHECK(std::llabs(free_bytes() - free) <= kDriverSlack, phase.name, ": free memory went from ", free, " to ", free_bytes());
    std::printf("  %s: %lld allocations, each failed once\n", phase.name, static_cast<long long>(whole));
  }
}

TEST("engine: a cancel anywhere is answered as one, and leaves nothing") {
  test::need_device();
  for (const Phase& phase : phases()) {
    Stopper counter(int64_t{1} << 60);
    CHECK(!run(phase, counter), phase.name);
    const int64_t live = live_bytes();
    for (const double share : {0.0, 0.2, 0.5, 0.9}) {
      const auto at = 1 + static_cast<int64_t>(share * static_cast<double>(counter.asked() - 1));
      Stopper stopper(at);
      const auto code = run(phase, stopper);
      // A cancel at the last look may come after the work.
      CHECK(code == ErrorCode::cancelled || (!code && at == counter.asked()), phase.name, ", look ", at, " of ",
            counter.asked(), ": ", code ? to_string(*code) : "no error");
      CHECK_EQ(live_bytes(), live);
    }
    std::printf("  %s: %lld looks\n", phase.name, static_cast<long long>(counter.asked()));
  }
}

TEST("engine: many models one after the other leave memory flat") {
  test::need_device();
  NullReporter quiet;
  const char* given = std::getenv("HQQ_CYCLES");
  const int cycles = given ? std::atoi(given) : kCycles;
  Engine engine;
  int64_t live = 0, free = 0;
  for (int i = 0; i < cycles; ++i) {
    const std::string handle = load(engine);
    call(engine, "model.generate", generate_input(handle), quiet);
    Json input;
    call(engine, "model.unload", input.set("handle", handle), quiet);
    if (i == 4) live = live_bytes(), free = free_bytes();
  }
  CHECK_EQ(live_bytes(), live);
  CHECK(std::llabs(free_bytes() - free) <= (int64_t{4} << 20), cycles, " cycles: free memory went from ", free, " to ", free_bytes());
}

TEST("engine: the same seed gives the same tokens, and perplexity is the CPU's") {
  test::need_device();
  NullReporter quiet;
  const test::TempDir dir;
  const std::string ids = dir.write("ids.json", Json(some_ids(640)).dump());
  Engine engine;
  const std::string gpu = load(engine), again = load(engine);
  const std::string exact = load(engine, "cuda:0", false), cpu = load(engine, "cpu", false);
  const auto tokens = [&](const std::string& handle) {
    return call(engine, "model.generate", generate_input(handle), quiet).at("newIds").dump();
  };
  const std::string first = tokens(gpu);
  CHECK_EQ(tokens(gpu), first);
  CHECK_EQ(tokens(again), first);
  const auto perplexity = [&](const std::string& handle) {
    return call(engine, "model.perplexity", perplexity_input(handle, ids), quiet).at("perplexity").as_number();
  };
  const double on_gpu = perplexity(exact), on_cpu = perplexity(cpu);
  std::printf("  perplexity %.6f on the GPU, %.6f on the CPU\n", on_gpu, on_cpu);
  CHECK(std::fabs(on_gpu / on_cpu - 1) <= 1e-3, on_gpu, " and ", on_cpu);
}

TEST("engine: the memory of a loaded model is the device's, by part") {
  test::need_device();
  NullReporter quiet;
  Engine engine;
  const int64_t before = live_bytes();
  const Json memory = call(engine, "model.load", load_input(), quiet).at("memory");
  const auto part = [&](const char* name) { return memory.at(name).as_int(); };
  CHECK(part("weightsBytes") > 0 && part("kvCacheBytes") > 0);
  const int64_t parts = part("weightsBytes") + part("metadataBytes") + part("kvCacheBytes") + part("scratchBytes");
  CHECK(parts <= live_bytes() - before, parts, " of ", live_bytes() - before);
  CHECK(part("peakBytes") >= parts);
  CHECK(memory.at("device").at("totalBytes").as_int() > parts);
}
