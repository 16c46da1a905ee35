// What an op test on a device needs: a stream, a target, arrays that move, and a verdict that says where and by how much.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "cuda/handles.h"
#include "cuda/launch.cuh"
#include "cuda/memory.h"
#include "tests/cuda/support/device.h"

namespace hqq::test {

struct OpBench {
  OpBench() : stream(cuda::Stream::create()) {
    cudaDeviceProp properties{};
    HQQ_CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
    target = {.stream = stream.get(),
              .multiprocessors = properties.multiProcessorCount,
              .shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin),
              .early_start = properties.major >= 9,
              .hopper = properties.major == 9 && properties.minor == 0};
  }

  template <typename T>
  cuda::DeviceBuffer up(const std::vector<T>& values) const {
    cuda::DeviceBuffer buffer(static_cast<int64_t>(values.size() * sizeof(T)), MemoryUse::scratch);
    HQQ_CUDA_CHECK(cudaMemcpy(buffer.data(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return buffer;
  }
  /// All bits set: NaN in every float format.
  cuda::DeviceBuffer poisoned(int64_t bytes) const {
    cuda::DeviceBuffer buffer(bytes, MemoryUse::scratch);
    HQQ_CUDA_CHECK(cudaMemset(buffer.data(), 0xff, static_cast<size_t>(bytes)));
    return buffer;
  }
  template <typename T>
  std::vector<T> down(const cuda::DeviceBuffer& buffer) const {
    HQQ_CUDA_CHECK(cudaStreamSynchronize(stream.get()));
    std::vector<T> values(static_cast<size_t>(buffer.bytes()) / sizeof(T));
    HQQ_CUDA_CHECK(cudaMemcpy(values.data(), buffer.data(), values.size() * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

  cuda::Stream stream;
  cuda::Target target;
};

/// Gathers what differs instead of stopping at the first case.
class Verdict {
 public:
  /// Every value finite and within `tolerance` times the root mean square of what is expected.
  void compare(const std::string& what, const std::vector<float>& got, const std::vector<double>& expected,
               double tolerance) {
    ++cases_;
    if (got.size() != expected.size()) return fail(what + ": size");
    double square = 0;
    for (const double v : expected) square += v * v;
    const double rms = std::sqrt(square / static_cast<double>(expected.size())),
                 bound = tolerance * (rms > 0 ? rms : 1);
    double worst = 0;
    size_t at = 0, bad = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double off = std::fabs(got[i] - expected[i]);
      if (!(off <= bound)) ++bad;
      if (!(off <= worst)) {
        worst = off;
        at = i;
      }
    }
    worst_ = std::fmax(worst_, worst / (rms > 0 ? rms : 1));
    if (bad > 0)
      fail(what + ": " + std::to_string(bad) + " of " + std::to_string(got.size()) + " off, worst at " +
           std::to_string(at) + ": got " + std::to_string(got[at]) + ", expected " + std::to_string(expected[at]) +
           ", rms " + std::to_string(rms));
  }
  void fail(const std::string& what) {
    ++failures_;
    if (failures_ <= 12) std::printf("      %s\n", what.c_str());
  }
  /// Runs one case; a device error is a failure of that case alone.
  template <typename Body>
  void run(const std::string& what, Body&& body) {
    try {
      body();
    } catch (const std::exception& error) {
      fail(what + ": " + error.what());
    }
  }
  void done(const char* name) const {
    std::printf("      %s: %d cases, worst relative error %.2e\n", name, cases_, worst_);
    CHECK_EQ(failures_, 0);
  }

 private:
  int cases_ = 0, failures_ = 0;
  double worst_ = 0;
};

}  // namespace hqq::test
