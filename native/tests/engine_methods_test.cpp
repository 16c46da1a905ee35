// The dispatch table as its callers see it: JSON in, JSON out, and an error that names the field or the cause.
#include "engine/methods.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <thread>
#include <vector>

#include "core/arena.h"
#include "engine/token_ids.h"
#include "io/safetensors.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::TempDir;

const std::string kDemo = HQQ_REPO "/resources/demo-model";

/// Keeps what a method reports.
class Recorder : public Reporter {
 public:
  void progress(const std::string& json) override { reports.push_back(json); }
  void emit(const std::string& json) override { events.push_back(json); }
  bool cancelled() const override { return stop; }
  std::vector<std::string> reports, events;
  std::atomic<bool> stop{false};
};

Json call(Engine& engine, const std::string& method, const Json& input, Reporter& reporter) {
  return parse_json(run_method(engine, method, input.dump(), reporter));
}
Json call(Engine& engine, const std::string& method, const Json& input) {
  Recorder reporter;
  return call(engine, method, input, reporter);
}

std::string refusal(const std::string& method, const std::string& input, ErrorCode code) {
  Engine engine;
  NullReporter reporter;
  try {
    run_method(engine, method, input, reporter);
  } catch (const EngineError& error) {
    CHECK(error.code() == code, to_string(error.code()), ": ", error.what());
    return error.what();
  }
  FAIL(method, " accepted ", input);
}

Json load_input() {
  Json input;
  return input.set("dir", kDemo).set("computeDtype", "float32").set("contextLength", 128).set("fast", false);
}

Json generate_input(const std::string& handle, int new_tokens) {
  Json input;
  input.set("handle", handle)
      .set("ids", Json::Array{1, 50, 60, 70})
      .set("temperature", 0.0)
      .set("topK", 0)
      .set("topP", 1.0);
  input.set("minP", 0.0).set("repetitionPenalty", 1.0).set("seed", 0).set("maxNewTokens", new_tokens);
  return input.set("stopIds", Json::Array{});
}

TEST("methods: the table and the machine") {
  Engine engine;
  const Json info = call(engine, "engine.info", Json::Object{});
  CHECK_EQ(info.at("methods").as_array().size(), methods().size());
  CHECK_EQ(info.at("version").as_string(), engine_version());
  CHECK(info.at("totalMemoryBytes").as_int() >= info.at("availableMemoryBytes").as_int());
  CHECK(info.at("cores").as_int() >= 1 && info.at("threads").as_int() >= 1);
  Json settings;
  call(engine, "engine.configure", settings.set("threads", 1).set("simd", "scalar"));
  const Json changed = call(engine, "engine.info", Json::Object{});
  CHECK_EQ(changed.at("threads").as_int(), 1);
  CHECK_EQ(changed.at("simd").at("active").as_string(), "scalar");
  call(engine, "engine.configure", settings.set("threads", Json()).set("simd", Json()));
  CHECK_EQ(call(engine, "engine.info", Json::Object{}).dump().substr(0, 40), info.dump().substr(0, 40));
  CHECK_EQ(call(engine, "engine.info", Json::Object{}).at("simd").at("active").as_string(),
           info.at("simd").at("active").as_string());
}

TEST("methods: bad input is refused by name") {
  refusal("no.such", "{}", ErrorCode::bad_input);
  refusal("engine.info", "{", ErrorCode::bad_input);
  refusal("engine.info", "[]", ErrorCode::bad_input);
  const auto words = [](const std::string& method, const std::string& input, const std::string& expected) {
    const std::string why = refusal(method, input, ErrorCode::bad_input);
    CHECK(why.find(expected) != std::string::npos, why);
  };
  words("engine.info", R"({"extra":1})", "\"extra\" is not known");
  words("engine.configure", R"({"threads":0,"simd":null})", "\"threads\" is 0");
  words("engine.configure", R"({"threads":null,"simd":"mmx"})", "mmx");
  words("model.inspect", "{}", "\"dir\" is missing");
  words("model.inspect", R"({"dir":5})", "\"dir\" is not a text");
  words("model.inspect", R"({"dir":"a\u0000b"})", "zero byte");
  words("model.load", R"({"dir":"x","computeDtype":"float8","contextLength":8,"fast":true})", "float8");
  words("model.load", R"({"dir":"x","computeDtype":"float32","contextLength":1.5,"fast":true})",
        "\"contextLength\" is not a whole number");
  words("model.load", R"({"dir":"x","computeDtype":"float32","contextLength":8,"fast":1})",
        "\"fast\" is not true or false");
  words("model.quantize", R"({"modelDir":"x","outDir":"y","plan":[{"name":"a"}],"computeDtype":null})",
        "\"quant\" is missing");
  words(
      "tensor.quantize",
      R"({"file":"x","tensor":"t","out":"y","quant":{"nbits":9,"groupSize":null,"axis":1,"roundZero":true,"method":"hqq","quantZero":false,"quantScale":false}})",
      "\"nbits\" is 9");
  refusal("model.inspect", R"({"dir":"/no/such/folder"})", ErrorCode::not_found);
  refusal("model.unload", R"({"handle":"model-7"})", ErrorCode::not_found);
}

TEST("methods: a model is loaded, used and unloaded, and its memory comes back") {
  const TempDir dir;
  Engine engine;
  const auto live_before = memory_counts().live;
  const Json loaded = call(engine, "model.load", load_input());
  const std::string handle = loaded.at("handle").as_string();
  CHECK_EQ(loaded.at("vocabSize").as_int(), 4096);
  CHECK(loaded.at("memory").at("weightsBytes").as_int() > 0);

  Recorder reporter;
  const Json generated = call(engine, "model.generate", generate_input(handle, 6), reporter);
  CHECK_EQ(generated.at("newIds").as_array().size(), 6u);
  CHECK_EQ(reporter.events.size(), 6u);
  CHECK_EQ(parse_json(reporter.events[2]).at("id").as_int(), generated.at("newIds").as_array()[2].as_int());
  CHECK_EQ(generated.at("finishReason").as_string(), "length");

  Json request;
  request.set("handle", handle)
      .set("ids", Json::Array{Json::Array{1, 2, 3}, Json::Array{4, 5, 6}})
      .set("out", dir / "logits.safetensors");
  CHECK_EQ(call(engine, "model.logits", request).at("shape").dump(), "[2,3,4096]");
  CHECK(TensorStore::open(dir / "logits.safetensors").view("logits").shape == (Shape{2, 3, 4096}));
  request.set("ids", Json::Array{Json::Array{1, 2, 3}, Json::Array{4}});
  CHECK_THROWS_CODE(call(engine, "model.logits", request), bad_input);

  Json ids = Json::Array{};
  for (int i = 0; i < 300; ++i) ids.push(i * 7 % 4096);
  Json measure;
  measure.set("handle", handle).set("idsFile", dir.write("ids.json", ids.dump())).set("protocol", "windows");
  measure.set("window", 64).set("stride", 64).set("maxTokens", 200);
  Recorder progress;
  const Json measured = call(engine, "model.perplexity", measure, progress);
  CHECK_EQ(measured.at("tokens").as_int(), 200);
  CHECK_EQ(measured.at("windows").as_int(), 3);
  CHECK_EQ(measured.at("scoredTokens").as_int(), 3 * 63);
  CHECK_EQ(parse_json(progress.reports.back()).at("total").as_int(), 3);
  CHECK_THROWS_CODE(call(engine, "model.perplexity", measure.set("protocol", "other")), bad_input);

  Json unload;
  call(engine, "model.unload", unload.set("handle", handle));
  CHECK(memory_counts().live == live_before, "buffers of the model are still held");
  CHECK_THROWS_CODE(call(engine, "model.generate", generate_input(handle, 1)), not_found);
}

TEST("methods: a model in use is busy for others and cannot be unloaded") {
  /// Tries everything else from inside a running generation.
  class Intruder final : public Recorder {
   public:
    Intruder(Engine& engine, std::string handle) : engine_(engine), handle_(std::move(handle)) {}
    void emit(const std::string& json) override {
      Recorder::emit(json);
      Json unload;
      std::thread other([&] {
        CHECK_THROWS_CODE(call(engine_, "model.generate", generate_input(handle_, 1)), busy);
        CHECK_THROWS_CODE(call(engine_, "model.unload", unload.set("handle", handle_)), busy);
        ++refused;
      });
      other.join();
    }
    int refused = 0;

   private:
    Engine& engine_;
    std::string handle_;
  };
  Engine engine;
  const std::string handle = call(engine, "model.load", load_input()).at("handle").as_string();
  Intruder intruder(engine, handle);
  call(engine, "model.generate", generate_input(handle, 2), intruder);
  CHECK_EQ(intruder.refused, 2);
  CHECK_EQ(call(engine, "model.generate", generate_input(handle, 1)).at("newIds").as_array().size(), 1u);
}

TEST("methods: cancelling is an outcome of a generation and an error of the rest") {
  class StopAtFirst final : public Recorder {
   public:
    void emit(const std::string& json) override {
      Recorder::emit(json);
      stop = true;
    }
  };
  Engine engine;
  Recorder before;
  before.stop = true;
  CHECK_THROWS_CODE(call(engine, "model.load", load_input(), before), cancelled);
  const std::string handle = call(engine, "model.load", load_input()).at("handle").as_string();
  StopAtFirst during;
  const Json generated = call(engine, "model.generate", generate_input(handle, 50), during);
  CHECK_EQ(generated.at("finishReason").as_string(), "cancelled");
  CHECK_EQ(generated.at("newIds").as_array().size(), during.events.size());
}

TEST("methods: one tensor is quantized into all its parts") {
  const TempDir dir;
  std::vector<float> weight(64 * 96);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i % 37) / 100 - 0.2f;
  write_safetensors(dir / "in.safetensors", {{"w", {weight.data(), DType::f32, {64, 96}}}});
  Json quant;
  quant.set("nbits", 3)
      .set("groupSize", 64)
      .set("axis", 1)
      .set("roundZero", false)
      .set("method", "hqq")
      .set("quantZero", false);
  Json input;
  input.set("file", dir / "in.safetensors")
      .set("tensor", "w")
      .set("quant", quant.set("quantScale", false))
      .set("out", dir / "out.safetensors");
  Engine engine;
  const Json result = call(engine, "tensor.quantize", input);
  CHECK_EQ(result.at("packing").as_string(), "3bit_32");
  CHECK(result.at("meanAbsError").as_number() > 0);
  const TensorStore made = TensorStore::open(dir / "out.safetensors");
  CHECK(made.view("W_q").shape == (Shape{96, 64}));
  CHECK(made.view("packed").shape == (Shape{10, 64}));
  CHECK(made.view("scale").shape == (Shape{96, 1}));
  CHECK(made.view("W_dq").shape == (Shape{64, 96}));
  const auto* q = static_cast<const uint8_t*>(made.view("W_q").data);
  const auto* scale = static_cast<const float*>(made.view("scale").data);
  const auto* zero = static_cast<const float*>(made.view("zero").data);
  const auto* back = static_cast<const float*>(made.view("W_dq").data);
  for (size_t i = 0; i < weight.size(); ++i)
    CHECK_EQ(back[i], (static_cast<float>(q[i]) - zero[i / 64]) * scale[i / 64]);
  CHECK_THROWS_CODE(call(engine, "tensor.quantize", input.set("tensor", "v")), not_found);
  // 64 groups of one row each: 5 rows do not fill the words of the interchange format.
  write_safetensors(dir / "odd.safetensors", {{"w", {weight.data(), DType::f32, {5, 96}}}});
  quant.set("nbits", 4).set("groupSize", Json());
  const Json odd = Json()
                       .set("file", dir / "odd.safetensors")
                       .set("tensor", "w")
                       .set("quant", quant)
                       .set("out", dir / "odd-out.safetensors");
  CHECK_THROWS_CODE(call(engine, "tensor.quantize", odd), bad_input);
}

TEST("methods: token id files are read as far as asked, and nothing else is taken for one") {
  const TempDir dir;
  CHECK((read_token_ids_file(dir.write("a.json", " [ 1,2 ,\n3 ] "), 0) == std::vector<int32_t>{1, 2, 3}));
  CHECK((read_token_ids_file(dir.write("b.json", "[1,2,3]"), 2) == std::vector<int32_t>{1, 2}));
  CHECK(read_token_ids_file(dir.write("c.json", "[]"), 0).empty());
  for (const char* bad : {"", "{}", "[", "[1", "[1,", "[1,]", "[-1]", "[1.5]", "[\"1\"]", "[99999999999]", "[1 2]"}) {
    CHECK_THROWS_CODE(read_token_ids_file(dir.write("bad.json", bad), 0), bad_file);
  }
  CHECK_THROWS_CODE(read_token_ids_file(dir / "absent.json", 0), not_found);
  CHECK_THROWS_CODE(read_token_ids(parse_json("[1,-2]"), "x"), bad_input);
  CHECK_THROWS_CODE(read_token_ids(parse_json("[4294967296]"), "x"), bad_input);
}

TEST("methods: debug.crash is there for fault tests only") {
  CHECK(!methods().contains("debug.crash"));
  for (const auto& [name, signal] : {std::pair{"SEGV", SIGSEGV}, {"KILL", SIGKILL}, {"ABRT", SIGABRT}}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("HQQ_FAULTS", "1", 1);
      std::map<std::string, Method> table;
      add_engine_methods(table);
      Engine engine;
      NullReporter reporter;
      table.at("debug.crash")(engine, Json().set("signal", name), reporter);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signal, name, " ended with status ", status);
  }
}

}  // namespace
}  // namespace hqq
