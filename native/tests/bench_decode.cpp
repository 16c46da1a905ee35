// Decode and prefill speed at each SIMD level, beside what the machine can give: decode as a share of the read
// bandwidth that a plain read loop reaches, prefill beside the multiply-add peak of the cores.
// Usage: bench_decode [--threads N] [--tokens N] [--repeats N] [--level NAME] [model folder]
// Two random shapes always run; a model folder is quantized in memory at 4-bit g64.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "cpu/kernels.h"
#include "model/model.h"
#include "tests/support/memory_source.h"
#include "tests/support/random_model.h"

using namespace hqq;

namespace {

struct Options {
  std::string folder;
  std::optional<SimdLevel> level;
  int64_t tokens = 64;
  int repeats = 5;
};

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// GB/s of summing 1 GiB, best of 7: the rate at which weights could stream if arithmetic were free.
double read_bandwidth() {
  const Buffer buffer(int64_t{1} << 30, MemoryUse::scratch);
  const int64_t words = buffer.bytes() / 8;
  std::memset(buffer.data(), 1, static_cast<size_t>(buffer.bytes()));
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    std::atomic<uint64_t> total{0};
    const double time = seconds([&] {
      parallel_for(words, 1 << 17, [&](int64_t begin, int64_t end) {
        // Four streams a quarter of the chunk apart, so that the prefetchers of one core have as much in flight as they can.
        const int64_t quarter = (end - begin) / 4;
        const uint64_t* p = buffer.as<uint64_t>() + begin;
        uint64_t a = 0, b = 0, c = 0, d = 0;
        for (int64_t w = 0; w < quarter; w += 8)
          for (int64_t e = w; e < w + 8; ++e) {
            a += p[e];
            b += p[e + quarter];
            c += p[e + 2 * quarter];
            d += p[e + 3 * quarter];
          }
        total += a + b + c + d;
      });
    });
    best = std::max(best, static_cast<double>(buffer.bytes()) / time / 1e9);
  }
  return best;
}

/// GFLOP/s of the float32 micro-kernel on data that stays in the first-level cache, all threads: the practical
/// multiply-add peak.
double multiply_add_peak() {
  const int threads = thread_count();
  constexpr int64_t tokens = 12, cols = 256, rounds = 20000;
  std::vector<double> checks(static_cast<size_t>(threads));
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double time = seconds([&] {
      parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          alignas(64) static thread_local float x[tokens * cols], panel[cols * 16], c[tokens * 16];
          for (int64_t r = 0; r < rounds; ++r) kernels().panel_gemm(x, cols, tokens, panel, 16, cols, c, 16, true);
          checks[static_cast<size_t>(t)] = c[0];
        }
      });
    });
    best = std::max(best, 2.0 * tokens * cols * 16 * rounds * threads / time / 1e9);
  }
  return best;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Speed {
  double decode = 0, best_decode = 0, prefill = 0;
};

/// Tokens per second: a prompt of 512, then `tokens` greedy ones after a prompt of 8.
Speed measure(Model& model, Numerics numerics, const Options& options) {
  NullReporter reporter;
  const int64_t vocab = model.info().config.vocab_size;
  std::vector<int32_t> long_prompt(512), prompt(8);
  for (size_t i = 0; i < long_prompt.size(); ++i)
    long_prompt[i] = static_cast<int32_t>((i * 7919 + 11) % static_cast<size_t>(vocab));
  GenerateOptions generate;
  generate.numerics = numerics;
  std::vector<double> decode, prefill;
  for (int i = 0; i < options.repeats; ++i) {
    long_prompt[0] = i;  // a new beginning, so that nothing is reused
    generate.max_new_tokens = 1;
    const auto filled = model.generate(
        long_prompt, generate, [](int32_t) {}, reporter);
    prefill.push_back(512.0 / filled.prefill_seconds);
    prompt[0] = i;
    generate.max_new_tokens = options.tokens;
    const auto made = model.generate(
        prompt, generate, [](int32_t) {}, reporter);
    decode.push_back(static_cast<double>(options.tokens - 1) / made.decode_seconds);
  }
  return {median(decode), *std::max_element(decode.begin(), decode.end()), median(prefill)};
}

void bench(const char* name, Model& model, double bandwidth, const Options& options) {
  const ModelInfo info = model.info();
  const double bytes = static_cast<double>(info.bytes_per_token);
  double linear = 0;
  for (const LayerInfo& layer : info.layers)
    if (layer.name != "lm_head") linear += static_cast<double>(layer.shape[0] * layer.shape[1]);
  std::printf("\n%s: %.0f M parameters, %.1f MB read per token (weights and metadata)\n", name,
              static_cast<double>(info.parameters) / 1e6, bytes / 1e6);
  std::printf("  %-8s %-6s %14s %14s %12s %16s %14s %12s\n", "level", "", "decode tok/s", "best", "GB/s",
              "% of bandwidth", "prefill tok/s", "GFLOP/s");
  for (const SimdLevel level : available_simd_levels()) {
    if (options.level && *options.level != level) continue;
    if (level == SimdLevel::scalar && !options.level) continue;
    set_simd_level(level);
    for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
      const Speed s = measure(model, numerics, options);
      std::printf("  %-8s %-6s %14.1f %14.1f %12.1f %16.0f %14.0f %12.0f\n", std::string(to_string(level)).c_str(),
                  numerics == Numerics::fast ? "fast" : "exact", s.decode, s.best_decode, s.decode * bytes / 1e9,
                  100.0 * s.decode * bytes / 1e9 / bandwidth, s.prefill, s.prefill * 2.0 * linear / 1e9);
      std::fflush(stdout);
    }
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (arg == "--threads") set_thread_count(std::atoi(value().c_str()));
    else if (arg == "--tokens") options.tokens = std::max(2, std::atoi(value().c_str()));
    else if (arg == "--repeats") options.repeats = std::max(1, std::atoi(value().c_str()));
    else if (arg == "--level") options.level = simd_level_from_string(value());
    else options.folder = arg;
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  NullReporter reporter;
  const double bandwidth = read_bandwidth();
  std::printf("%d threads, read bandwidth %.1f GB/s\n", thread_count(), bandwidth);
  for (const SimdLevel level : available_simd_levels()) {
    set_simd_level(level);
    std::printf("multiply-add peak at %s: %.0f GFLOP/s\n", std::string(to_string(level)).c_str(), multiply_add_peak());
  }
  const QuantConfig config{.nbits = 4, .group_size = 64, .round_zero = true};
  if (!options.folder.empty()) {
    test::OverlaySource source(options.folder, test::quantize_linears(config));
    bench(options.folder.c_str(),
          *Model::build(read_model_config(options.folder), source, {.context_length = 1024}, reporter), bandwidth,
          options);
  }
  const std::pair<const char*, ModelConfig> shapes[] = {
      {"SmolLM2-135M's shape, random weights: hidden 576, MLP 1536, 30 layers, 9 heads, 3 KV heads, vocabulary 49152, "
       "tied",
       test::small_llama()},
      {"1 B shape, random weights: hidden 2048, MLP 8192, 16 layers, 32 heads, 8 KV heads, vocabulary 32000",
       test::one_billion_llama()}};
  for (const auto& [name, shape] : shapes) {
    test::RandomSource source(shape, config);
    bench(name, *Model::build(shape, source, {.context_length = 1024}, reporter), bandwidth, options);
  }
  return 0;
}
