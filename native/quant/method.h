// The quantization methods a user can choose from, by name.
#pragma once

#include <span>
#include <string_view>

#include "quant/quantize.h"

namespace hqq {

struct QuantMethod {
  std::string_view name;         // as in commands, presets and saved files
  std::string_view description;  // one sentence for a person choosing
  /// As hqq::quantize; the method decides what config.optimize means.
  QuantizedTensor (*quantize)(const TensorView& weight, QuantConfig config, PackFormat format, QuantStats* stats,
                              Reporter* reporter);
};

/// All methods, the default first.
std::span<const QuantMethod> quant_methods();

/// Throws EngineError{bad_input} listing the known names.
const QuantMethod& quant_method(std::string_view name);

}  // namespace hqq
