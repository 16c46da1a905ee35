// How fast the device quantizes: ceilings first (own read kernel, own addition kernel, the bus), then single matrices
// taken apart, then all 224 matrices of Llama-2-7B from page-locked host memory and from device memory, then the
// largest matrix of a 70B. Weights are normal random numbers made on the device. Usage: bench_quantize_cuda [substring
// of a section: ceilings single device bus large]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "cuda/handles.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/pack.cuh"
#include "cuda/quantize_session.h"
#include "cuda/reduce.cuh"
#include "cuda/solve.cuh"
#include "cuda/tensor_quantizer.h"

namespace {

using namespace hqq;
using namespace hqq::cuda;
using Clock = std::chrono::steady_clock;

constexpr int kThreads = 256;
constexpr int kLayers = 32;
constexpr int kBusLayers = 4;  // distinct page-locked layers, used in turn

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Milliseconds of what `work` puts on the stream, median of `repeats` after one warm-up.
double device_ms(cudaStream_t stream, int repeats, const std::function<void()>& work) {
  const Event start = Event::create(true), stop = Event::create(true);
  std::vector<double> times;
  for (int i = -1; i < repeats; ++i) {
    start.record(stream);
    work();
    stop.record(stream);
    stop.synchronize();
    if (i >= 0) times.push_back(static_cast<double>(Event::milliseconds(start, stop)));
  }
  return median(times);
}

__device__ uint32_t mixed(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return static_cast<uint32_t>(x >> 32);
}

/// Normal values of standard deviation 0.02.
__global__ void __launch_bounds__(kThreads) fill_normal(__half* out, int64_t count, uint64_t seed) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const uint64_t key = seed * 0x9e3779b97f4a7c15ull + static_cast<uint64_t>(i) * 2;
  const float u = (static_cast<float>(mixed(key)) + 1.0f) * 2.3283064e-10f;
  const float v = static_cast<float>(mixed(key + 1)) * 2.3283064e-10f;
  out[i] = __float2half(0.02f * sqrtf(-2.0f * logf(u)) * cosf(6.2831853f * v));
}

__global__ void __launch_bounds__(kThreads) read_all(const uint4* in, int64_t count, uint32_t* out) {
  uint32_t sum = 0;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  for (; i + 3 * stride < count; i += 4 * stride) {
    const uint4 a = in[i], b = in[i + stride], c = in[i + 2 * stride], d = in[i + 3 * stride];
    sum ^= a.x ^ a.y ^ a.z ^ a.w ^ b.x ^ b.y ^ b.z ^ b.w ^ c.x ^ c.y ^ c.z ^ c.w ^ d.x ^ d.y ^ d.z ^ d.w;
  }
  for (; i < count; i += stride) sum ^= in[i].x ^ in[i].y ^ in[i].z ^ in[i].w;
  if (sum == 0x12345678u) *out = sum;
}

constexpr int kAdditions = 4096;
/// Eight independent chains of additions: the instructions a lane can issue.
__global__ void __launch_bounds__(kThreads) add_all(float step, float* out) {
  float a[8];
  for (int k = 0; k < 8; ++k) a[k] = static_cast<float>(threadIdx.x + k);
#pragma unroll 16
  for (int i = 0; i < kAdditions / 8; ++i) {
#pragma unroll
    for (int k = 0; k < 8; ++k) a[k] = __fadd_rn(a[k], step);
  }
  float sum = 0;
  for (int k = 0; k < 8; ++k) sum += a[k];
  if (sum == 0.12345f) *out = sum;
}

struct Case {
  const char* name;
  int nbits;
  int64_t group_size;
  int axis;
  bool optimize = true;
  bool keep_best = false;
};
const std::vector<Case> kCases = {
    {"4-bit g64 axis 1", 4, 64, 1},     {"4-bit g64 axis 0", 4, 64, 0},
    {"3-bit g64 axis 1", 3, 64, 1},     {"2-bit g16 axis 1", 2, 16, 1},
    {"2-bit g16 axis 0", 2, 16, 0},     {"8-bit g128 axis 1", 8, 128, 1},
    {"8-bit g128 axis 0", 8, 128, 0},   {"4-bit g64, best step", 4, 64, 1, true, true},
    {"4-bit g64 RTN", 4, 64, 1, false}, {"4-bit per row", 4, 0, 1},
    {"4-bit g1024 axis 1", 4, 1024, 1}, {"4-bit per column", 4, 0, 0},
    {"5-bit g64 axis 1", 5, 64, 1},     {"1-bit g32 axis 1", 1, 32, 1},
};

QuantizeTask task_of(const Case& c, const Shape& shape) {
  QuantizeTask task;
  task.config.nbits = c.nbits;
  task.config.group_size = c.group_size;
  task.config.axis = c.axis;
  task.config.round_zero = c.nbits == 4;
  task.config.optimize = c.optimize;
  task.keep_best = c.keep_best;
  task.shape = shape;
  task.dtype = task.meta_dtype = DType::f16;
  return task;
}

/// The seven matrices of a layer: q, k, v, o, gate, up, down.
const std::vector<Shape> kLayer = {{4096, 4096},  {4096, 4096},  {4096, 4096}, {4096, 4096},
                                   {11008, 4096}, {11008, 4096}, {4096, 11008}};

int64_t layer_elements() {
  int64_t n = 0;
  for (const Shape& shape : kLayer) n += numel(shape);
  return n;
}

void fill(void* device, int64_t count, uint64_t seed, cudaStream_t stream) {
  launch(fill_normal, {(count + kThreads - 1) / kThreads, kThreads}, stream, static_cast<__half*>(device), count, seed);
}

struct Ceilings {
  double read_rate = 0;  // bytes per second
  double lane_rate = 0;  // additions per second
  double up_rate = 0, down_rate = 0;
};

Ceilings measure_ceilings(cudaStream_t stream) {
  Ceilings found;
  const DeviceBuffer memory(int64_t{4} << 30, MemoryUse::scratch);
  HQQ_CUDA_CHECK(cudaMemsetAsync(memory.data(), 1, static_cast<size_t>(memory.bytes()), stream));
  const DeviceBuffer out(256, MemoryUse::scratch);
  const int64_t words = memory.bytes() / 16;
  const int sms = describe_device(0).multiprocessors;
  found.read_rate = 1e3 * static_cast<double>(memory.bytes()) / device_ms(stream, 5, [&] {
                      launch(read_all, {sms * 8, kThreads}, stream, memory.as<uint4>(), words, out.as<uint32_t>());
                    });
  const int64_t blocks = sms * 64;
  found.lane_rate = 1e3 * static_cast<double>(blocks) * kThreads * kAdditions / device_ms(stream, 5, [&] {
                      launch(add_all, {blocks, kThreads}, stream, 1.5f, out.as<float>());
                    });
  const PinnedBuffer host(int64_t{1} << 29);
  std::memset(host.data(), 1, static_cast<size_t>(host.bytes()));
  found.up_rate = 1e3 * static_cast<double>(host.bytes()) / device_ms(stream, 3, [&] {
                    HQQ_CUDA_CHECK(cudaMemcpyAsync(memory.data(), host.data(), static_cast<size_t>(host.bytes()),
                                                   cudaMemcpyHostToDevice, stream));
                  });
  found.down_rate = 1e3 * static_cast<double>(host.bytes()) / device_ms(stream, 3, [&] {
                      HQQ_CUDA_CHECK(cudaMemcpyAsync(host.data(), memory.data(), static_cast<size_t>(host.bytes()),
                                                     cudaMemcpyDeviceToHost, stream));
                    });
  std::printf("ceilings: read %.2f TB/s, additions %.2f T/s, bus up %.1f GB/s, down %.1f GB/s\n",
              found.read_rate * 1e-12, found.lane_rate * 1e-12, found.up_rate * 1e-9, found.down_rate * 1e-9);
  return found;
}

/// One 11008 x 4096 matrix: time of each kernel, how long groups move, and what the whole takes with its round trips.
void bench_single(const Ceilings& ceilings, cudaStream_t stream) {
  const Shape shape = {11008, 4096};
  const int64_t n = numel(shape);
  const DeviceBuffer weights(n * 2, MemoryUse::scratch);
  fill(weights.data(), n, 7, stream);
  std::printf(
      "\none 11008 x 4096 float16 matrix on the device (floor: read %.3f ms); issue share: additions-per-second "
      "ceiling\n",
      1e3 * static_cast<double>(n) * 2 / ceilings.read_rate);
  std::printf("%-22s %5s %7s %9s %9s %9s | %7s %7s %8s %9s | %9s\n", "case", "steps", "rounded", "solve ms", "pack ms",
              "whole ms", "moves", "warp", ">stop %", "issue %", "MB device");
  for (const Case& c : kCases) {
    try {
      const QuantizeTask task = task_of(c, shape);
      TensorQuantizer tensor(task);
      const Grouping& view = tensor.view();
      const DeviceBuffer workspace(tensor.workspace_bytes(), MemoryUse::scratch);
      const PinnedBuffer readback(sizeof(QuantizeReadback));
      const auto whole = [&] {
        tensor = TensorQuantizer(task);
        tensor.start(weights.data(), workspace.data(), readback.as<QuantizeReadback>(), stream);
        tensor.finish(stream);
      };
      const double whole_ms = device_ms(stream, 5, whole);
      const GroupedWeights matrix{weights.data(), DType::f16,      view.rows,        view.cols,
                                  view.groups,    view.group_size, view.contiguous()};
      const DeviceBuffer scale(view.groups * 4, MemoryUse::scratch), zero(view.groups * 4, MemoryUse::scratch),
          settled(view.groups, MemoryUse::scratch), bad(256, MemoryUse::scratch),
          errors(std::max(kSolverSteps * error_slots(matrix),
                          kErrorTotals * pack_error_slots(matrix, packing_for(c.nbits, PackFormat::dense))) *
                     4,
                 MemoryUse::scratch),
          packed(packed_bytes(packing_for(c.nbits, PackFormat::dense), view.rows, view.cols), MemoryUse::scratch);
      const float max_value = static_cast<float>((1 << c.nbits) - 1);
      const hqq::cuda::SolveParams params{max_value, c.nbits == 4, c.optimize ? kSolverSteps : 0, c.keep_best};
      const double solve_ms = device_ms(stream, 5, [&] {
        solve(matrix, params,
              {scale.as<float>(), zero.as<float>(), settled.as<uint8_t>(), errors.as<float>(), bad.as<int>()}, stream);
      });
      std::vector<uint8_t> moves(static_cast<size_t>(view.groups));
      HQQ_CUDA_CHECK(cudaMemcpy(moves.data(), settled.data(), moves.size(), cudaMemcpyDeviceToHost));
      const double pack_ms = device_ms(stream, 5, [&] {
        pack(matrix, packing_for(c.nbits, PackFormat::dense), max_value,
             {scale.as<float>(), zero.as<float>(), scale.as<float>(), zero.as<float>()}, packed.data(),
             errors.as<float>(), reinterpret_cast<double*>(bad.data() + 64), stream);
      });
      double sum = 0, warps = 0;
      int64_t late = 0;
      // 32 neighbouring groups share a warp up to 64 weights a group; beyond that fewer do, and this overstates it.
      for (size_t i = 0; i < moves.size(); i += 32) {
        int most = 0;
        for (size_t k = i; k < std::min(i + 32, moves.size()); ++k) {
          sum += moves[k];
          late += moves[k] > tensor.iterations();
          most = std::max<int>(most, moves[k]);
        }
        warps += std::min(most + 1, kSolverSteps);
      }
      const double groups = static_cast<double>(view.groups), mean_warp = warps / ((groups + 31) / 32);
      const double issued = static_cast<double>(n) * mean_warp * 8 / ceilings.lane_rate * 1e3;
      std::printf("%-22s %5d %7d %9.3f %9.3f %9.3f | %7.2f %7.2f %8.3f %9.1f | %9.1f\n", c.name, tensor.iterations(),
                  tensor.rounded_steps(), solve_ms, pack_ms, whole_ms, sum / groups, mean_warp,
                  100 * static_cast<double>(late) / groups, 100 * issued / solve_ms,
                  static_cast<double>(tensor.workspace_bytes() + n * 2) * 1e-6);
    } catch (const std::exception& error) {
      std::printf("%-22s FAILED: %s\n", c.name, error.what());
    }
    std::fflush(stdout);
  }
}

/// All matrices of a 7B in device memory, two streams.
void bench_device(const Ceilings& ceilings) {
  const int64_t n = layer_elements() * kLayers;
  const DeviceBuffer weights(n * 2, MemoryUse::weights);
  std::array<Stream, 2> streams = {Stream::create(), Stream::create()};
  for (int64_t at = 0; at < n; at += int64_t{1} << 28) {
    fill(weights.data() + at * 2, std::min(n - at, int64_t{1} << 28), static_cast<uint64_t>(at + 1), streams[0].get());
  }
  streams[0].synchronize();
  std::printf("\n224 matrices of a 7B on the device (%.2f GB; floor of reading: %.1f ms)\n",
              static_cast<double>(n) * 2e-9, 1e3 * static_cast<double>(n) * 2 / ceilings.read_rate);
  std::printf("%-22s %9s %14s\n", "case", "ms", "share of floor");
  for (const Case& c : kCases) {
    try {
      std::array<DeviceBuffer, 2> workspaces;
      std::array<PinnedBuffer, 2> readbacks;
      int64_t most = 0;
      for (const Shape& shape : kLayer) most = std::max(most, TensorQuantizer(task_of(c, shape)).workspace_bytes());
      for (int i = 0; i < 2; ++i) {
        workspaces[static_cast<size_t>(i)] = DeviceBuffer(most, MemoryUse::scratch);
        readbacks[static_cast<size_t>(i)] = PinnedBuffer(sizeof(QuantizeReadback));
      }
      const auto run = [&] {
        std::vector<TensorQuantizer> tensors;
        for (const Shape& shape : kLayer) tensors.emplace_back(task_of(c, shape));
        std::array<TensorQuantizer, 2> active = {tensors[0], tensors[0]};
        int64_t at = 0;
        for (size_t i = 0; i <= kLayer.size() * kLayers; ++i) {
          if (i < kLayer.size() * kLayers) {
            active[i % 2] = tensors[i % kLayer.size()];
            active[i % 2].start(weights.data() + at * 2, workspaces[i % 2].data(),
                                readbacks[i % 2].as<QuantizeReadback>(), streams[i % 2].get());
            at += numel(kLayer[i % kLayer.size()]);
          }
          if (i > 0) active[(i - 1) % 2].finish(streams[(i - 1) % 2].get());
        }
        for (const Stream& stream : streams) stream.synchronize();
      };
      run();
      std::vector<double> times;
      for (int i = 0; i < 3; ++i) {
        const auto start = Clock::now();
        run();
        times.push_back(1e3 * seconds_since(start));
      }
      std::printf("%-22s %9.1f %13.1f%%\n", c.name, median(times),
                  100 * 1e3 * static_cast<double>(n) * 2 / ceilings.read_rate / median(times));
    } catch (const std::exception& error) {
      std::printf("%-22s FAILED: %s\n", c.name, error.what());
    }
    std::fflush(stdout);
  }
}

/// Host memory of either kind.
struct HostMemory {
  PinnedBuffer locked;
  Buffer plain;
  std::byte* data = nullptr;
  HostMemory(int64_t bytes, bool page_locked) {
    if (page_locked) {
      locked = PinnedBuffer(bytes);
      data = locked.data();
    } else {
      plain = Buffer(bytes, MemoryUse::scratch);
      data = plain.data();
    }
  }
};

/// Matrices from host memory and back to it, two in flight; every matrix has its turn `rounds` times.
void bench_bus(const char* title, bool page_locked, const Ceilings& ceilings, const std::vector<Shape>& shapes,
               int distinct, int rounds, const std::vector<Case>& cases) {
  int64_t n = 0, largest = 0;
  for (const Shape& shape : shapes) {
    n += numel(shape);
    largest = std::max(largest, numel(shape) * 2);
  }
  const HostMemory host(n * 2 * distinct, page_locked);
  {
    const Stream stream = Stream::create();
    const DeviceBuffer one(n * 2, MemoryUse::scratch);
    for (int i = 0; i < distinct; ++i) {
      fill(one.data(), n, static_cast<uint64_t>(1000 + i), stream.get());
      HQQ_CUDA_CHECK(cudaMemcpyAsync(host.data + n * 2 * i, one.data(), static_cast<size_t>(n * 2),
                                     cudaMemcpyDeviceToHost, stream.get()));
    }
    stream.synchronize();
  }
  const double bytes = static_cast<double>(n) * 2 * distinct * rounds, floor_ms = 1e3 * bytes / ceilings.up_rate;
  std::printf("\n%s (%.2f GB; the bus needs %.1f ms)\n", title, bytes * 1e-9, floor_ms);
  std::printf("%-22s %9s %13s %12s %14s\n", "case", "ms", "share of bus", "MB peak", "x largest");
  for (const Case& c : cases) {
    try {
      MemoryAccount& account = device_account(0);
      account.reset_peak();
      const int64_t before = account.live_total();
      QuantizeSession session(0, 2);
      int64_t out_bytes = 0;
      for (const Shape& shape : shapes) out_bytes = std::max(out_bytes, numel(shape) * 2 + (int64_t{1} << 20));
      const HostMemory out0(out_bytes * 2, page_locked), out1(out_bytes * 2, page_locked);
      const auto run = [&] {
        const size_t count = shapes.size() * static_cast<size_t>(distinct * rounds);
        int64_t at = 0;
        for (size_t i = 0; i <= count; ++i) {
          if (i < count) {
            if (i % (shapes.size() * static_cast<size_t>(distinct)) == 0) at = 0;
            const Shape& shape = shapes[i % shapes.size()];
            session.start(static_cast<int>(i % 2), task_of(c, shape), host.data + at * 2);
            at += numel(shape);
          }
          if (i == 0) continue;
          const HostMemory& out = (i - 1) % 2 == 0 ? out0 : out1;
          // Places that are large enough for any of the cases.
          session.finish(static_cast<int>((i - 1) % 2), {out.data,
                                                         {out.data + out_bytes, nullptr, nullptr, nullptr},
                                                         {out.data + out_bytes * 3 / 2, nullptr, nullptr, nullptr}});
        }
      };
      run();
      std::vector<double> times;
      for (int i = 0; i < 3; ++i) {
        const auto start = Clock::now();
        run();
        times.push_back(1e3 * seconds_since(start));
      }
      const double peak = static_cast<double>(account.peak() - before);
      std::printf("%-22s %9.1f %12.1f%% %12.1f %13.2f\n", c.name, median(times), 100 * floor_ms / median(times),
                  peak * 1e-6, peak / static_cast<double>(largest));
    } catch (const std::exception& error) {
      std::printf("%-22s FAILED: %s\n", c.name, error.what());
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  const auto chosen = [&](const char* section) { return std::string(section).find(wanted) != std::string::npos; };
  try {
    if (device_count() == 0) {
      std::printf("SKIPPED: there is no CUDA device\n");
      return 0;
    }
    const HqqCudaDeviceInfo info = describe_device(0);
    std::printf("%s, %d multiprocessors, driver %s\n", info.name, info.multiprocessors, info.driver);
    const Stream stream = Stream::create();
    const Ceilings ceilings = measure_ceilings(stream.get());
    if (chosen("single")) bench_single(ceilings, stream.get());
    if (chosen("device")) bench_device(ceilings);
    const std::vector<Case> few(kCases.begin(), kCases.begin() + 9);
    if (chosen("bus"))
      bench_bus("224 matrices of a 7B from page-locked host memory", true, ceilings, kLayer, kBusLayers,
                kLayers / kBusLayers, few);
    if (chosen("pageable"))
      bench_bus("224 matrices of a 7B from ordinary host memory", false, ceilings, kLayer, kBusLayers,
                kLayers / kBusLayers, {kCases[0], kCases[3]});
    if (chosen("large"))
      bench_bus("28672 x 8192, the largest matrices of a 70B, from page-locked host memory", true, ceilings,
                {{28672, 8192}}, 2, 8, few);
  } catch (const EngineError& error) {
    if (error.code() == ErrorCode::unsupported) {
      std::printf("SKIPPED: %s\n", error.what());
      return 0;
    }
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
  return 0;
}
