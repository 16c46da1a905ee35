#include "engine/quantize_on.h"

namespace hqq {

QuantizedTensor quantize_on(const std::string& device, std::string_view method, const TensorView& weight,
                            const QuantConfig& config, PackFormat format, QuantStats* stats, Reporter* reporter) {
  require(device == "cpu", ErrorCode::unsupported, "this engine cannot quantize on " + device + "; choose the CPU");
  return quant_method(method).quantize(weight, config, format, stats, reporter);
}

}  // namespace hqq
