// Whole models on a device against the processor's engine: logits, greedy ids, perplexity, memory, faults.
#include <algorithm>
#include <cmath>

#include "cuda/memory.h"
#include "tests/cuda/support/cuda_models.h"
#include "tests/cuda/support/device.h"
#include "tests/support/check.h"
#include "tests/support/memory_source.h"
#include "tests/support/random_model.h"

using namespace hqq;

namespace {

// Largest logit difference over the logits' standard deviation, by compute dtype on the device; the processor computes
// in float32 throughout. float32: unquantized weights stored as float32, and quantized ones without a kernel for their
// grouping, are float16 on the device. float16: activations rounded at every linear layer. bfloat16: scale and zero of
// both engines are bfloat16; W' is rounded to it on the processor, and in long batches on the device.
double logit_tolerance(DType compute) { return compute == DType::f32 ? 1e-2 : compute == DType::f16 ? 6e-2 : 1e-1; }
/// Relative; in bfloat16 the device rounds the activations of long batches, too.
double perplexity_tolerance(DType compute) { return compute == DType::bf16 ? 4e-3 : 1e-3; }

std::string data(const char* name) { return std::string(HQQ_TEST_DATA) + "/models/" + name; }

struct Pair {
  std::unique_ptr<Model> cpu, device;
};

using MakeSource = std::function<std::unique_ptr<WeightSource>()>;

Pair load_pair(const ModelConfig& config, const MakeSource& source, DType compute, int64_t context) {
  test::use_device();
  NullReporter reporter;
  Pair pair;
  // The processor dequantizes in the same dtype, so that both use the same weights.
  const auto a = source();
  pair.cpu = Model::build(
      config, *a, {.compute_dtype = compute == DType::bf16 ? DType::bf16 : DType::f32, .context_length = context},
      reporter);
  const auto b = source();
  pair.device =
      Model::build(config, *b, {.compute_dtype = compute, .context_length = context, .device = "cuda"}, reporter);
  return pair;
}

MakeSource folder(const std::string& dir, std::optional<QuantConfig> quant = {}) {
  return [=]() -> std::unique_ptr<WeightSource> {
    if (!quant) return std::make_unique<FolderSource>(dir);
    return std::make_unique<test::OverlaySource>(dir, test::quantize_linears(*quant));
  };
}

std::vector<int32_t> some_ids(int64_t count, int64_t vocab) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>((i * 7919 + 13) % vocab));
  return ids;
}

std::vector<float> logits_of(Model& model, const std::vector<int32_t>& ids) {
  NullReporter reporter;
  std::vector<float> out(ids.size() * static_cast<size_t>(model.info().config.vocab_size));
  model.logits({ids}, out, Numerics::exact, reporter);
  return out;
}

GenerateResult greedy(Model& model, const std::vector<int32_t>& ids, int64_t count, double penalty = 1.0) {
  NullReporter reporter;
  GenerateOptions options;
  options.max_new_tokens = count;
  options.numerics = Numerics::exact;
  options.sampling.repetition_penalty = penalty;
  return model.generate(ids, options, [](int32_t) {}, reporter);
}

int failures = 0;
void complain(const std::string& what) {
  ++failures;
  std::printf("      %s\n", what.c_str());
}

void compare_logits(const std::string& name, Pair& pair, const std::vector<int32_t>& ids, DType compute) {
  const auto expected = logits_of(*pair.cpu, ids), got = logits_of(*pair.device, ids);
  double mean = 0, square = 0, worst = 0;
  size_t at = 0;
  for (const float v : expected) mean += v / static_cast<double>(expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    square += (expected[i] - mean) * (expected[i] - mean);
    const double off = std::fabs(got[i] - expected[i]);
    if (!(off <= worst)) {
      worst = off;
      at = i;
    }
  }
  const double deviation = std::sqrt(square / static_cast<double>(expected.size()));
  const size_t vocab = expected.size() / ids.size();
  std::printf("      %s: logits off by %.2e of their deviation %.3g\n", name.c_str(), worst / deviation, deviation);
  if (!(worst <= logit_tolerance(compute) * deviation))
    complain(name + ": position " + std::to_string(at / vocab) + " id " + std::to_string(at % vocab) + ": got " +
             std::to_string(got[at]) + ", expected " + std::to_string(expected[at]));
}

/// Equal up to the first position where the processor's best two logits are closer than both engines' difference.
void compare_greedy(const std::string& name, Pair& pair, const std::vector<int32_t>& prompt, int64_t count,
                    DType compute, double penalty = 1.0) {
  const auto expected = greedy(*pair.cpu, prompt, count, penalty), got = greedy(*pair.device, prompt, count, penalty);
  if (got.new_ids.size() != expected.new_ids.size() || got.finish_reason != expected.finish_reason)
    return complain(name + ": " + std::to_string(got.new_ids.size()) + " ids instead of " +
                    std::to_string(expected.new_ids.size()));
  for (size_t i = 0; i < expected.new_ids.size(); ++i) {
    if (got.new_ids[i] == expected.new_ids[i]) continue;
    auto sequence = prompt;
    sequence.insert(sequence.end(), expected.new_ids.begin(),
                    expected.new_ids.begin() + static_cast<std::ptrdiff_t>(i));
    const auto logits = logits_of(*pair.cpu, sequence);
    const size_t vocab = static_cast<size_t>(pair.cpu->info().config.vocab_size);
    const float* last = logits.data() + logits.size() - vocab;
    double deviation = 0;
    for (size_t v = 0; v < vocab; ++v) deviation += static_cast<double>(last[v]) * last[v];
    deviation = std::sqrt(deviation / static_cast<double>(vocab));
    const double margin = last[expected.new_ids[i]] - last[got.new_ids[i]];
    std::printf("      %s: id %zu of %zu differs, margin %.2e of the deviation\n", name.c_str(), i,
                expected.new_ids.size(), margin / deviation);
    if (penalty == 1.0 && std::fabs(margin) > logit_tolerance(compute) * deviation)
      complain(name + ": greedy id " + std::to_string(i) + " is " + std::to_string(got.new_ids[i]) + ", expected " +
               std::to_string(expected.new_ids[i]));
    return;
  }
}

void compare_perplexity(const std::string& name, Pair& pair, const std::vector<int32_t>& ids, int64_t window,
                        DType compute) {
  NullReporter reporter;
  const PerplexityOptions options{.window = window, .numerics = Numerics::exact};
  const double expected = pair.cpu->perplexity(ids, options, reporter).perplexity;
  const double got = pair.device->perplexity(ids, options, reporter).perplexity;
  std::printf("      %s: perplexity %.6g, processor %.6g\n", name.c_str(), got, expected);
  if (!(std::fabs(got / expected - 1) <= perplexity_tolerance(compute))) complain(name + ": perplexity differs");
}

void compare_all(const std::string& name, const ModelConfig& config, const MakeSource& source, DType compute,
                 int64_t context = 160) {
  try {
    Pair pair = load_pair(config, source, compute, context);
    const auto ids = some_ids(100, config.vocab_size);
    compare_logits(name, pair, ids, compute);
    compare_logits(name + ", 5 tokens", pair, {ids.begin(), ids.begin() + 5}, compute);
    compare_greedy(name, pair, {ids.begin(), ids.begin() + 12}, 40, compute);
    compare_greedy(name + ", penalty", pair, {ids.begin(), ids.begin() + 30}, 24, compute, 1.2);
    compare_perplexity(name, pair, ids, 50, compute);
  } catch (const std::exception& error) {
    complain(name + ": " + error.what());
  }
}

}  // namespace

TEST("models as they are: float32, float16 and bfloat16") {
  test::need_device();
  failures = 0;
  for (const char* name : {"plain", "biased", "linear", "dynamic", "plain_hqq"})
    for (const DType compute : {DType::f32, DType::f16, DType::bf16})
      compare_all(std::string(name) + " " + std::string(to_string(compute)), read_model_config(data(name)),
                  folder(data(name)), compute);
  CHECK_EQ(failures, 0);
}

TEST("quantized on the way: every width, axis and grouping") {
  test::need_device();
  failures = 0;
  const std::string dir = data("plain");
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1}) {
    const QuantConfig config{.nbits = nbits, .group_size = 16, .optimize = false};
    compare_all(std::to_string(nbits) + " bits g16", read_model_config(dir), folder(dir, config), DType::f32);
  }
  for (const auto& [group, axis] : {std::pair<int64_t, int>{64, 1}, {0, 1}, {64, 0}, {8, 1}, {32, 0}}) {
    const QuantConfig config{.nbits = 4, .group_size = group, .axis = axis, .optimize = false};
    compare_all("4 bits g" + std::to_string(group) + " axis " + std::to_string(axis), read_model_config(dir),
                folder(dir, config), axis == 0 || group == 64 ? DType::f16 : DType::f32);
  }
  QuantConfig meta{.nbits = 4, .group_size = 16, .optimize = false};
  meta.quant_zero = true;
  compare_all("quantized zero", read_model_config(dir), folder(dir, meta), DType::f32);
  CHECK_EQ(failures, 0);
}

TEST("heads of many sizes, shared or not, and matrices of their own formats") {
  test::need_device();
  failures = 0;
  struct Case {
    int64_t heads, kv_heads, head_dim;
  };
  for (const Case& c : {Case{4, 4, 64}, {4, 2, 80}, {8, 1, 96}, {6, 2, 128}, {2, 1, 256}, {3, 3, 40}}) {
    const ModelConfig config = test::tiny_llama(c.heads, c.kv_heads, c.head_dim, 384, 2, 500, c.heads % 2 == 1);
    const QuantConfig quant{.nbits = 4, .group_size = c.head_dim * c.heads % 64 == 0 ? 64 : 8};
    const auto source = [=]() -> std::unique_ptr<WeightSource> {
      return std::make_unique<test::RandomSource>(config, quant);
    };
    const std::string name =
        std::to_string(c.heads) + "/" + std::to_string(c.kv_heads) + " heads of " + std::to_string(c.head_dim);
    compare_all(name + " f32", config, source, DType::f32);
    compare_all(name + " f16", config, source, DType::f16);
  }
  // q, k, v and gate, up of different widths do not merge.
  const std::string dir = data("plain");
  const auto mixed = [=]() -> std::unique_ptr<WeightSource> {
    return std::make_unique<test::OverlaySource>(
        dir, [](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
          if (module.ends_with("k_proj") || module.ends_with("up_proj")) return std::nullopt;
          const int nbits = module.ends_with("v_proj") ? 8 : module.ends_with("gate_proj") ? 6 : 4;
          return test::quantize_linears({.nbits = nbits, .group_size = 16, .optimize = false})(module, weight);
        });
  };
  compare_all("mixed f32", read_model_config(dir), mixed, DType::f32);
  compare_all("mixed f16", read_model_config(dir), mixed, DType::f16);
  CHECK_EQ(failures, 0);
}

TEST("a long context: the cache split over blocks, prompts in several batches") {
  test::need_device();
  failures = 0;
  const ModelConfig config = test::tiny_llama(4, 2, 64, 256, 2, 300, false);
  const auto source = [=]() -> std::unique_ptr<WeightSource> {
    return std::make_unique<test::RandomSource>(config, QuantConfig{.nbits = 4, .group_size = 64});
  };
  for (const DType compute : {DType::f32, DType::f16}) {
    Pair pair = load_pair(config, source, compute, 1400);
    const std::string name = "1300 tokens " + std::string(to_string(compute));
    compare_logits(name, pair, some_ids(1300, 300), compute);
    compare_greedy(name, pair, some_ids(1100, 300), 30, compute);
  }
  CHECK_EQ(failures, 0);
}

TEST("the demo model at 4 bits: perplexity of the processor") {
  test::need_device();
  failures = 0;
  const std::string dir = std::string(HQQ_REPO) + "/resources/demo-model";
  const QuantConfig config{.nbits = 4, .group_size = 64, .round_zero = true};
  for (const DType compute : {DType::f32, DType::f16}) {
    Pair pair = load_pair(read_model_config(dir), folder(dir, config), compute, 512);
    compare_perplexity("demo " + std::string(to_string(compute)), pair, some_ids(1024, 4096), 512, compute);
    compare_greedy("demo " + std::string(to_string(compute)), pair, {1, 315, 40, 7}, 60, compute);
  }
  CHECK_EQ(failures, 0);
}

TEST("the same again is the same bit for bit, and nothing is left behind") {
  test::need_device();
  const auto before = cuda::device_account(0).live_total();
  {
    test::use_device();
    NullReporter reporter;
    const ModelConfig config = test::tiny_llama(4, 2, 64, 256, 2, 300, false);
    test::RandomSource source(config, {.nbits = 4, .group_size = 64});
    const auto model =
        Model::build(config, source, {.compute_dtype = DType::f16, .context_length = 700, .device = "cuda"}, reporter);
    const auto first = logits_of(*model, some_ids(600, 300)), again = logits_of(*model, some_ids(600, 300));
    CHECK(first == again);
    const auto a = greedy(*model, some_ids(500, 300), 64);
    logits_of(*model, some_ids(3, 300));
    const auto b = greedy(*model, some_ids(500, 300), 64);
    CHECK(a.new_ids == b.new_ids);
    const ModelInfo info = model->info();
    CHECK(info.weight_bytes > 0 && info.metadata_bytes > 0 && info.kv_cache_bytes == 2 * 2 * 2 * 700 * 64 * 2 &&
          info.scratch_bytes > 0);
  }
  CHECK_EQ(cuda::device_account(0).live_total(), before);
}

TEST("any allocation may fail: typed error, nothing left, the next load works") {
  test::need_device();
  test::use_device();
  NullReporter reporter;
  const ModelConfig config = test::tiny_llama(2, 2, 64, 128, 1, 64, true);
  const auto load = [&] {
    test::RandomSource source(config, {.nbits = 4, .group_size = 64});
    return Model::build(config, source, {.compute_dtype = DType::f16, .context_length = 64, .device = "cuda"},
                        reporter);
  };
  const int64_t before = cuda::allocation_count();
  greedy(*load(), {1, 2, 3}, 5);
  const int64_t count = cuda::allocation_count() - before;
  CHECK(count > 10);
  for (int64_t n = 1; n <= count; ++n) {
    cuda::fail_allocation(n);
    CHECK_THROWS_CODE(greedy(*load(), {1, 2, 3}, 5), out_of_memory);
    cuda::fail_allocation(0);
    CHECK_EQ(cuda::device_account(0).live_total(), 0);
    CHECK_EQ(cuda::pinned_bytes(), 0);
  }
  greedy(*load(), {1, 2, 3}, 5);
}

TEST("a context that does not fit is refused with one that would") {
  test::need_device();
  test::use_device(64 << 20);
  NullReporter reporter;
  const ModelConfig config = test::tiny_llama(8, 8, 128, 512, 2, 300, false);
  test::RandomSource source(config, {.nbits = 4, .group_size = 64});
  try {
    Model::build(config, source, {.compute_dtype = DType::f16, .context_length = 1 << 20, .device = "cuda"}, reporter);
    FAIL("loaded");
  } catch (const EngineError& error) {
    CHECK(error.code() == ErrorCode::out_of_memory, error.what());
    CHECK(std::string(error.what()).find("would fit") != std::string::npos, error.what());
  }
  CHECK_EQ(cuda::device_account(0).live_total(), 0);
  test::use_device();
}
