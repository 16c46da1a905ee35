#include "engine/quantize_on.h"

#include "engine/cuda_library.h"
#include "engine/cuda_quantizer.h"

namespace hqq {

std::unique_ptr<Quantizer> quantizer_on(const std::string& device) {
  if (device == "cpu") return cpu_quantizer();
  CudaLibrary& library = CudaLibrary::instance();
  const int32_t ordinal = library.device(device).info.ordinal;
  return cuda_quantizer({library.api().quantize, [&library](const HqqCudaStatus& status) { library.fail(status); }},
                        ordinal);
}

QuantizedTensor quantize_on(const std::string& device, std::string_view method, const TensorView& weight,
                            const QuantConfig& config, PackFormat format, QuantStats* stats, Reporter* reporter) {
  NullReporter nobody;
  const auto quantizer = quantizer_on(device);
  quantizer->start({weight, config, std::string(method), format, DType::f32});
  return quantizer->finish(stats, reporter != nullptr ? *reporter : nobody);
}

}  // namespace hqq
