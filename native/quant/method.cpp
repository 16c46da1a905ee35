#include "quant/method.h"

#include <array>
#include <string>

#include "core/error.h"
#include "quant/refined.h"

namespace hqq {
namespace {

QuantizedTensor quantize_hqq(const TensorView& weight, QuantConfig config, PackFormat format, QuantStats* stats,
                             Reporter* reporter) {
  config.optimize = true;
  return quantize(weight, config, format, stats, reporter);
}

QuantizedTensor quantize_rtn(const TensorView& weight, QuantConfig config, PackFormat format, QuantStats* stats,
                             Reporter* reporter) {
  config.optimize = false;
  return quantize(weight, config, format, stats, reporter);
}

QuantizedTensor refined(const TensorView& weight, QuantConfig config, PackFormat format, QuantStats* stats, Reporter* reporter) {
  return quantize_refined(weight, config, format, nullptr, stats, reporter);
}

constexpr std::array<QuantMethod, 3> kMethods = {{
    {"hqq", "Half-quadratic optimization of the zero points; needs no calibration data.", quantize_hqq},
    {"rtn", "Plain round-to-nearest on the range of each group: the baseline.", quantize_rtn},
    {"refined", "Scale and zero of each group fitted to its weights by least squares; needs no calibration data.", refined},
}};

}  // namespace

std::span<const QuantMethod> quant_methods() { return kMethods; }

const QuantMethod& quant_method(std::string_view name) {
  std::string known;
  for (const QuantMethod& method : kMethods) {
    if (method.name == name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  throw EngineError(ErrorCode::bad_input, "unknown quantization method '" + std::string(name) + "'; choose one of: " + known);
}

}  // namespace hqq
