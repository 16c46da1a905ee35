#include "engine/device_executors.h"

#include <mutex>

#include "engine/cuda_executor.h"
#include "engine/cuda_library.h"

namespace hqq {

void enable_device_executors() {
  static std::once_flag once;
  std::call_once(once, [] {
    set_device_executor(
        [](const ModelConfig& config, WeightSource& source, const LoadOptions& options, Reporter& reporter) {
          CudaLibrary& cuda = CudaLibrary::instance();
          const CudaDevice device = cuda.device(options.device);
          return make_cuda_executor(cuda.api().model, device.info.ordinal, 0, config, source, options, reporter);
        });
  });
}

}  // namespace hqq
