// Timing on a device: random contents, and the median of a captured graph's replays.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "cuda/handles.h"
#include "tests/cuda/support/op_bench.h"

namespace hqq::test {

using namespace hqq::cuda;

/// Random words whose halves are float16 numbers between 2^-8 and 2^-7 when `halves`, else anything.
static __global__ void fill_kernel(uint32_t* to, int64_t n, bool halves) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u ^ static_cast<uint32_t>(i >> 16) * 40503u;
    x ^= x >> 15, x *= 0x2c1b3c6du, x ^= x >> 12, x *= 0x297a2d39u, x ^= x >> 15;
    to[i] = halves ? (x & 0x83ff83ffu) | 0x1c001c00u : x;
  }
}

inline void fill(const DeviceBuffer& buffer, bool halves) {
  fill_kernel<<<1024, 256>>>(buffer.as<uint32_t>(), buffer.bytes() / 4, halves);
  HQQ_CUDA_CHECK(cudaGetLastError());
}

/// Microseconds of one of the launches in `body`, which makes `launches`; median of 9 replays of their graph.
inline double graph_us(const OpBench& bench, int launches, const std::function<void()>& body) {
  cudaGraph_t captured = nullptr;
  HQQ_CUDA_CHECK(cudaStreamBeginCapture(bench.stream.get(), cudaStreamCaptureModeThreadLocal));
  body();
  HQQ_CUDA_CHECK(cudaStreamEndCapture(bench.stream.get(), &captured));
  const Graph graph(captured);
  cudaGraphExec_t instance = nullptr;
  HQQ_CUDA_CHECK(cudaGraphInstantiate(&instance, graph.get(), 0));
  const GraphExec exec(instance);
  const Event start = Event::create(true), stop = Event::create(true);
  std::vector<double> times;
  for (int i = 0; i < 11; ++i) {
    start.record(bench.stream.get());
    HQQ_CUDA_CHECK(cudaGraphLaunch(exec.get(), bench.stream.get()));
    stop.record(bench.stream.get());
    bench.stream.synchronize();
    if (i >= 2) times.push_back(Event::milliseconds(start, stop) * 1e3 / launches);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace hqq::test
