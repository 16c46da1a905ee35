#include "cuda/probe.h"

#include <string>
#include <vector>

#include "cuda/device.h"
#include "cuda/handles.h"
#include "cuda/memory.h"
#include "cuda/probe_kernel.cuh"

namespace hqq::cuda {
namespace {

constexpr int kValues = 1000;  // not a multiple of the block: the tail is part of the proof
constexpr int kBlock = 256;

}  // namespace

void probe_device(int32_t ordinal) {
  const DeviceScope scope(checked_ordinal(ordinal));
  const Stream stream = Stream::create();
  const DeviceBuffer values(kValues * sizeof(uint32_t), MemoryUse::scratch);
  HQQ_CUDA_CHECK(cudaMemsetAsync(values.data(), 0xff, kValues * sizeof(uint32_t), stream.get()));
  probe_kernel<<<(kValues + kBlock - 1) / kBlock, kBlock, 0, stream.get()>>>(values.as<uint32_t>(), kValues);
  HQQ_CUDA_CHECK(cudaGetLastError());
  std::vector<uint32_t> got(kValues);
  HQQ_CUDA_CHECK(cudaMemcpyAsync(got.data(), values.data(), kValues * sizeof(uint32_t), cudaMemcpyDeviceToHost,
                                 stream.get()));
  stream.synchronize();
  for (uint32_t i = 0; i < kValues; ++i) {
    require(got[i] == probe_value(i), ErrorCode::device_lost,
            "CUDA device " + std::to_string(ordinal) + " computes wrong results; restart the machine, and have the card "
            "checked if it stays");
  }
}

}  // namespace hqq::cuda
