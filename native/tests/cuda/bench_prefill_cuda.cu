// Many tokens at once on a device: expanding packed weights, matrix products, attention, then prefill and perplexity of a
// whole model with Llama-2-7B's shape and random weights.
// Usage: bench_prefill_cuda [ops | model]
#include <chrono>
#include <cstdio>
#include <string>

#include "cuda/flash.cuh"
#include "cuda/gemm.cuh"
#include "cuda/matrix.h"
#include "cuda/repack.cuh"
#include "tests/cuda/support/cuda_models.h"
#include "tests/cuda/support/timing.cuh"
#include "tests/support/random_model.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::fill;
using hqq::test::graph_us;

namespace {

void time_products(const test::OpBench& bench, int64_t rows, int64_t cols) {
  TiledView view = plan_tiles(rows, cols, 4, 64, false);
  const DeviceBuffer quants(int64_t{view.row_tiles} * view.units * unit_bytes(4), MemoryUse::weights);
  const DeviceBuffer meta(int64_t{view.row_tiles} * view.entries * 64, MemoryUse::metadata);
  const DeviceBuffer w(rows * cols * 2, MemoryUse::scratch), x(2048 * cols * 2, MemoryUse::scratch),
      y(2048 * rows * 4, MemoryUse::scratch);
  fill(quants, false);
  for (const DeviceBuffer* b : {&meta, &x}) fill(*b, true);
  view.quants = quants.as<uint8_t>();
  view.meta = meta.data();
  const double expand_us = graph_us(bench, 4, [&] {
    for (int i = 0; i < 4; ++i) expand(view, 0, view.row_tiles, w.data(), false, bench.target);
  });
  std::printf("%6lld x %-6lld expand %6.1f us (%.2f TB/s)", static_cast<long long>(rows), static_cast<long long>(cols),
              expand_us, static_cast<double>(w.bytes() + quants.bytes() + meta.bytes()) / expand_us / 1e6);
  for (const int64_t tokens : {32, 64, 512, 2048}) {
    GemmArgs args;
    args.x = x.data();
    args.w = w.data();
    args.tokens = tokens;
    args.rows = args.out_rows = args.out_stride = rows;
    args.cols = cols;
    args.out = y.data();
    const double us = graph_us(bench, 8, [&] {
      for (int i = 0; i < 8; ++i) gemm(args, bench.target);
    });
    std::printf("  M%lld %.1f us %.0f TFLOP/s", static_cast<long long>(tokens), us,
                2e-6 * static_cast<double>(tokens * rows * cols) / us);
  }
  std::printf("\n");
  std::fflush(stdout);
}

void time_attention(const test::OpBench& bench) {
  constexpr int heads = 32, dim = 128, tokens = 2048;
  const DeviceBuffer keys(int64_t{heads} * tokens * dim * 2, MemoryUse::kv_cache),
      values(keys.bytes(), MemoryUse::kv_cache);
  const DeviceBuffer qkv(int64_t{tokens} * 3 * heads * dim * 4, MemoryUse::scratch),
      out(int64_t{tokens} * heads * dim * 2, MemoryUse::scratch);
  for (const DeviceBuffer* b : {&keys, &values, &qkv}) fill(*b, true);
  AttentionArgs a;
  a.qkv = qkv.as<float>();
  a.qkv_stride = 3 * heads * dim;
  a.heads = a.kv_heads = heads;
  a.head_dim = dim;
  a.cache = {keys.data(), values.data(), tokens, dim, false};
  a.tokens = tokens;
  a.out = out.data();
  const double us = graph_us(bench, 4, [&] {
    for (int i = 0; i < 4; ++i) flash(a, bench.target);
  });
  std::printf("flash attention, 2048 tokens, 32 heads of 128: %.1f us, %.0f TFLOP/s of the causal half\n", us,
              2e-6 * heads * dim * double(tokens) * tokens / us);
}

void time_model() {
  test::use_device();
  NullReporter reporter;
  const ModelConfig config = test::seven_billion_llama();
  test::RandomSource source(config, {.nbits = 4, .group_size = 64});
  const auto model =
      Model::build(config, source, {.compute_dtype = DType::f16, .context_length = 2049, .device = "cuda"}, reporter);
  const ModelInfo info = model->info();
  std::printf("scratch %.3f GB\n", static_cast<double>(info.scratch_bytes) / 1e9);
  for (const int64_t count : {64, 512, 2048})
    for (int i = 0; i < 3; ++i) {
      std::vector<int32_t> ids;
      for (int64_t k = 0; k < count; ++k) ids.push_back(static_cast<int32_t>((k * 7919 + i) % 32000));
      GenerateOptions options;
      options.max_new_tokens = 1;
      const auto made = model->generate(ids, options, [](int32_t) {}, reporter);
      std::printf("  prefill %lld: %.0f tok/s\n", static_cast<long long>(count),
                  static_cast<double>(count) / made.prefill_seconds);
    }
  std::vector<int32_t> ids;
  for (int64_t k = 0; k < 5 * 2048; ++k) ids.push_back(static_cast<int32_t>((k * 7919) % 32000));
  const PerplexityResult measured = model->perplexity(ids, {.window = 2048}, reporter);
  std::printf("  perplexity, windows of 2048: %.0f tok/s (%.6g)\n", static_cast<double>(ids.size()) / measured.seconds,
              measured.perplexity);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  try {
    const test::OpBench bench;
    if (only != "model") {
      for (const auto& [rows, cols] :
           {std::pair<int64_t, int64_t>{4096, 4096}, {12288, 4096}, {22016, 4096}, {4096, 11008}})
        time_products(bench, rows, cols);
      time_attention(bench);
    }
    if (only != "ops") time_model();
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
  return 0;
}
