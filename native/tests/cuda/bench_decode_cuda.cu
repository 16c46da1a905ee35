// Decoding on a device: ceilings first (own read kernel on a big buffer and on one cold matrix), every matrix kernel
// against them, then tokens per second of a whole model with Llama-2-7B's shape and random weights.
// Usage: bench_decode_cuda [ops | model | nbits group [tokens]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "cuda/attention.cuh"
#include "cuda/gemv.cuh"
#include "cuda/handles.h"
#include "cuda/matrix.h"
#include "cuda/sampling.cuh"
#include "tests/cuda/support/cuda_models.h"
#include "tests/cuda/support/timing.cuh"
#include "tests/support/random_model.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::fill;
using hqq::test::graph_us;

namespace {

constexpr int64_t kCold = int64_t{400} << 20;  // bytes between two uses of a matrix: several times any level-2 cache

__global__ void read_kernel(const uint4* from, int64_t n, unsigned* out) {
  unsigned sum = 0;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + 7 * step < n; i += 8 * step) {
    uint4 v[8];
#pragma unroll
    for (int u = 0; u < 8; ++u) v[u] = __ldcs(from + i + u * step);
#pragma unroll
    for (int u = 0; u < 8; ++u) sum += v[u].x ^ v[u].y ^ v[u].z ^ v[u].w;
  }
  for (; i < n; i += step) sum += from[i].x;
  if (sum == 0x12345678u) *out = sum;
}

void read(const test::OpBench& bench, const std::byte* from, int64_t bytes, const DeviceBuffer& out) {
  const int64_t n = bytes / 16;
  const auto blocks = static_cast<unsigned>(std::clamp<int64_t>(n / 512 / 4, 1, bench.target.multiprocessors * 4));
  read_kernel<<<blocks, 512, 0, bench.stream.get()>>>(reinterpret_cast<const uint4*>(from), n, out.as<unsigned>());
  HQQ_CUDA_CHECK(cudaGetLastError());
}

struct Kind {
  const char* name;
  int64_t rows, cols;
  int nbits;
  int64_t group;
  GemvOutput mode;
  bool norm = false;  // float32 input and a fused norm
};

void time_matrix(const test::OpBench& bench, const Kind& kind, std::initializer_list<int> token_counts) {
  TiledView view = plan_tiles(kind.rows, kind.cols, kind.nbits, kind.group == 0 ? kind.cols : kind.group, false);
  const int64_t quant_bytes = int64_t{view.row_tiles} * view.units * unit_bytes(kind.nbits);
  const int64_t meta_bytes = kind.nbits == kDenseBits ? 0 : int64_t{view.row_tiles} * view.entries * 64;
  const int64_t bytes = quant_bytes + meta_bytes;
  const int copies = static_cast<int>(std::max<int64_t>(4, kCold / bytes + 1));
  const DeviceBuffer quants(quant_bytes * copies, MemoryUse::weights),
      metas(std::max<int64_t>(64, meta_bytes * copies), MemoryUse::metadata);
  fill(quants, kind.nbits == kDenseBits);
  fill(metas, true);
  const DeviceBuffer out(64, MemoryUse::scratch), x(8 * 2 * 16384 * 4, MemoryUse::scratch),
      y(64 * 65536 * 4, MemoryUse::scratch);
  const DeviceBuffer norm(16384 * 4, MemoryUse::scratch);
  fill(x, true);
  fill(y, true);
  fill(norm, true);
  HQQ_CUDA_CHECK(cudaDeviceSynchronize());
  const double read_us = graph_us(bench, copies,
                                  [&] {
                                    for (int i = 0; i < copies; ++i)
                                      read(bench, quants.data() + i * quant_bytes, quant_bytes, out);
                                  }) *
                         static_cast<double>(bytes) / static_cast<double>(quant_bytes);
  std::printf("%-10s %6lld x %-6lld %2d bits g%-5lld %7.1f MB  read %6.2f us", kind.name,
              static_cast<long long>(kind.rows), static_cast<long long>(kind.cols), kind.nbits,
              static_cast<long long>(kind.group), static_cast<double>(bytes) / 1e6, read_us);
  for (const int tokens : token_counts)
    for (const bool overlapped : {false, true}) {
      Target target = bench.target;
      target.early_start = overlapped;
      GemvArgs args;
      args.in.x = x.data();
      args.in.stride = kind.cols;
      args.in.tokens = tokens;
      args.in.is_half = !kind.norm;
      args.in.norm = kind.norm ? norm.as<float>() : nullptr;
      args.out = y.data();
      args.mode = kind.mode;
      args.out_rows = static_cast<int>(kind.mode == GemvOutput::silu_half ? kind.rows / 2 : kind.rows);
      args.out_stride = args.out_rows;
      const double us = graph_us(bench, copies, [&] {
        for (int i = 0; i < copies; ++i) {
          args.w = view;
          args.w.quants = quants.as<uint8_t>() + i * quant_bytes;
          args.w.meta = metas.data() + i * meta_bytes;
          gemv(args, target);
        }
      });
      std::printf("  M%d%s %6.2f us (%.2fx, %.2f TB/s)", tokens, overlapped ? " overlapped" : "", us, us / read_us,
                  static_cast<double>(bytes) / us / 1e6);
    }
  std::printf("\n");
  std::fflush(stdout);
}

/// Attention of one token in 32 layers with 32 heads of 128, and the choice among 32,000 logits.
void time_rest(const test::OpBench& bench) {
  constexpr int layers = 32, heads = 32, dim = 128;
  constexpr int64_t capacity = 2560, plane = heads * capacity * dim * 2;
  const DeviceBuffer cache(plane * 2 * layers, MemoryUse::kv_cache), qkv(3 * heads * dim * 4, MemoryUse::scratch);
  const DeviceBuffer angles(capacity * 64 * 4, MemoryUse::scratch), out(heads * dim * 2, MemoryUse::scratch),
      position(4, MemoryUse::scratch);
  const DeviceBuffer partial(attention_scratch_bytes(heads, heads, dim, bench.target), MemoryUse::scratch);
  const DeviceBuffer arrivals(attention_counters(heads, heads) * 4, MemoryUse::scratch);
  for (const DeviceBuffer* b : {&cache, &qkv, &angles}) fill(*b, true);
  HQQ_CUDA_CHECK(cudaMemset(arrivals.data(), 0, static_cast<size_t>(arrivals.bytes())));
  for (const int depth : {16, 512, 2048}) {
    HQQ_CUDA_CHECK(cudaMemcpy(position.data(), &depth, 4, cudaMemcpyHostToDevice));
    std::printf("attention at depth %4d:", depth);
    for (const bool overlapped : {false, true}) {
      Target target = bench.target;
      target.early_start = overlapped;
      AttentionArgs a;
      a.qkv = qkv.as<float>();
      a.qkv_stride = 3 * heads * dim;
      a.cos = a.sin = angles.as<float>();
      a.half_rotary = dim / 2;
      a.heads = a.kv_heads = heads;
      a.head_dim = dim;
      a.position = position.as<int>();
      a.out = out.data();
      a.partial = partial.as<float>();
      a.arrivals = arrivals.as<int>();
      const double us = graph_us(bench, layers, [&] {
        for (int i = 0; i < layers; ++i) {
          a.cache = {cache.data() + 2 * i * plane, cache.data() + (2 * i + 1) * plane, capacity, dim, false};
          attend_one(a, target);
        }
      });
      std::printf("  %s %6.2f us", overlapped ? "overlapped" : "alone", us);
    }
    std::printf("\n");
  }
  const DeviceBuffer logits(32000 * 4, MemoryUse::scratch), seen(32000, MemoryUse::scratch),
      state(sizeof(DecodeState), MemoryUse::scratch);
  const PinnedBuffer chosen(kChosenSlots * 8);
  fill(logits, true);
  HQQ_CUDA_CHECK(cudaMemset(seen.data(), 0, 32000));
  const DecodeState start{};
  HQQ_CUDA_CHECK(cudaMemcpy(state.data(), &start, sizeof start, cudaMemcpyHostToDevice));
  const ChooseArgs choose{logits.as<float>(), 32000, seen.as<uint8_t>(), state.as<DecodeState>(),
                          chosen.as<unsigned long long>()};
  std::printf("greedy choice: %.2f us\n", graph_us(bench, 8, [&] {
                for (int i = 0; i < 8; ++i) choose_greedy(choose, bench.target);
              }));
  std::fflush(stdout);
}

double tokens_per_second(Model& model, int64_t depth, int64_t tokens, std::vector<int32_t>& ids) {
  NullReporter reporter;
  std::vector<int32_t> prompt;
  static int round = 0;
  ++round;
  for (int64_t i = 0; i < depth; ++i) prompt.push_back(static_cast<int32_t>((i * 7919 + round) % 32000));
  GenerateOptions options;
  options.max_new_tokens = tokens;
  const auto made = model.generate(prompt, options, [](int32_t) {}, reporter);
  ids = made.new_ids;
  return static_cast<double>(made.new_ids.size() - 1) / made.decode_seconds;
}

void time_model(int nbits, int64_t group, int64_t tokens, double big_bandwidth) {
  test::use_device();
  NullReporter reporter;
  const ModelConfig config = test::seven_billion_llama();
  test::RandomSource source(config, {.nbits = nbits, .group_size = group});
  auto clock = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count(); };
  const auto model =
      Model::build(config, source, {.compute_dtype = DType::f16, .context_length = 2560, .device = "cuda"}, reporter);
  const ModelInfo info = model->info();
  std::printf(
      "7B shape, %d bits g%lld: made and loaded in %.2f s; weights %.3f GB, metadata %.3f GB, cache %.3f GB, scratch "
      "%.3f GB; %.3f GB a token, limit %.0f tok/s\n",
      nbits, static_cast<long long>(group), seconds(), static_cast<double>(info.weight_bytes) / 1e9,
      static_cast<double>(info.metadata_bytes) / 1e9, static_cast<double>(info.kv_cache_bytes) / 1e9,
      static_cast<double>(info.scratch_bytes) / 1e9, static_cast<double>(info.bytes_per_token) / 1e9,
      big_bandwidth * 1e12 / static_cast<double>(info.bytes_per_token));
  std::fflush(stdout);
  std::vector<int32_t> ids;
  for (const int64_t depth : {int64_t{16}, int64_t{2048}}) {
    std::vector<double> speeds;
    for (int i = 0; i < 4; ++i) speeds.push_back(tokens_per_second(*model, depth, tokens, ids));
    std::sort(speeds.begin(), speeds.end());
    std::printf("  decode at depth %lld: %.1f tok/s (best %.1f), %.0f %% of the read limit; last ids %d %d %d\n",
                static_cast<long long>(depth), speeds[speeds.size() / 2], speeds.back(),
                100 * speeds[speeds.size() / 2] * static_cast<double>(info.bytes_per_token) / (big_bandwidth * 1e12),
                ids[0], ids[1], ids.back());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int nbits = argc > 2 ? std::atoi(argv[1]) : 4;
  const int64_t group = argc > 2 ? std::atoll(argv[2]) : 64, tokens = argc > 3 ? std::atoll(argv[3]) : 256;
  try {
    const test::OpBench bench;
    double bandwidth = 0;
    {
      const DeviceBuffer big(int64_t{4} << 30, MemoryUse::scratch), out(64, MemoryUse::scratch);
      fill(big, false);
      HQQ_CUDA_CHECK(cudaDeviceSynchronize());
      bandwidth = static_cast<double>(big.bytes()) /
                  graph_us(bench, 1, [&] { read(bench, big.data(), big.bytes(), out); }) / 1e6;
      std::printf("read kernel, 4 GiB: %.2f TB/s\n", bandwidth);
    }
    const std::string only = argc > 1 && argc < 3 ? argv[1] : "";
    if (only != "model") {
      for (const Kind& k : {Kind{"square", 4096, 4096, 4, 64, GemvOutput::store},
                            {"output", 4096, 4096, 4, 64, GemvOutput::add},
                            {"up", 11008, 4096, 4, 64, GemvOutput::store},
                            {"up", 11008, 4096, 8, 64, GemvOutput::store},
                            {"qkv", 12288, 4096, 4, 64, GemvOutput::store, true},
                            {"gate,up", 22016, 4096, 4, 64, GemvOutput::silu_half, true},
                            {"down", 4096, 11008, 4, 64, GemvOutput::add},
                            {"head", 32000, 4096, 16, 0, GemvOutput::store, true}})
        time_matrix(bench, k, {1});
      for (const Kind& k : {Kind{"up", 11008, 4096, 3, 64, GemvOutput::store},
                            {"up", 11008, 4096, 2, 16, GemvOutput::store},
                            {"up", 11008, 4096, 2, 64, GemvOutput::store},
                            {"up", 11008, 4096, 6, 64, GemvOutput::store},
                            {"up", 11008, 4096, 5, 64, GemvOutput::store},
                            {"up", 11008, 4096, 1, 64, GemvOutput::store},
                            {"up", 11008, 4096, 4, 0, GemvOutput::store}})
        time_matrix(bench, k, {1});
      time_matrix(bench, {"up", 11008, 4096, 4, 64, GemvOutput::store}, {2, 8, 16});
      time_rest(bench);
    }
    if (only != "ops") time_model(nbits, group, tokens, bandwidth);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
  return 0;
}
