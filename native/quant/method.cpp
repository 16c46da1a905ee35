#include "quant/method.h"

#include <array>
#include <string>

#include "core/error.h"
#include "quant/compensated.h"
#include "quant/refined.h"

namespace hqq {
namespace {

QuantizedTensor quantize_hqq(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments*,
                             QuantStats* stats, Reporter* reporter) {
  config.optimize = true;
  return quantize(weight, config, format, stats, reporter);
}

QuantizedTensor quantize_rtn(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments*,
                             QuantStats* stats, Reporter* reporter) {
  config.optimize = false;
  return quantize(weight, config, format, stats, reporter);
}

/// From here on rounding is not what a model's quality hangs on: the fitted maps measured no better than the half-quadratic ones (demo
/// model: 24.39 with hqq, 24.40 to 24.42 with the others), which take a fraction of the time.
bool nothing_to_gain(const QuantConfig& config) { return config.nbits >= 8; }

QuantizedTensor refined(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments*, QuantStats* stats,
                        Reporter* reporter) {
  if (nothing_to_gain(config)) return quantize_hqq(weight, config, format, nullptr, stats, reporter);
  return quantize_refined(weight, config, format, nullptr, stats, reporter);
}

QuantizedTensor self_weighted(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments* moments,
                              QuantStats* stats, Reporter* reporter) {
  if (nothing_to_gain(config)) return quantize_hqq(weight, config, format, nullptr, stats, reporter);
  return quantize_refined(weight, config, format, moments != nullptr ? moments->diagonal.as<float>() : nullptr, stats, reporter);
}

QuantizedTensor self_compensated(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments* moments,
                                 QuantStats* stats, Reporter* reporter) {
  const bool possible = !nothing_to_gain(config) && moments != nullptr && moments->full.bytes() > 0 &&
                        can_compensate(resolve_grouping(config, weight.shape), weight.shape);
  if (!possible) return self_weighted(weight, config, format, moments, stats, reporter);
  return quantize_compensated(weight, config, format, *moments, stats, reporter);
}

constexpr std::array<QuantMethod, 5> kMethods = {{
    {"hqq", "Half-quadratic optimization of the zero points; needs no calibration data.", MomentsNeed::none, false, quantize_hqq},
    {"rtn", "Plain round-to-nearest on the range of each group: the baseline.", MomentsNeed::none, false, quantize_rtn},
    {"refined", "Scale and zero of each group fitted to its weights by least squares; needs no calibration data.",
     MomentsNeed::none, true, refined},
    {"self", "Least squares with each column weighted by its input, measured on text that the model writes itself.",
     MomentsNeed::diagonal, true, self_weighted},
    {"self-compensated", "As self, and later columns take back the rounding errors of earlier ones.", MomentsNeed::full, true,
     self_compensated},
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
