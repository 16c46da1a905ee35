// The quantization methods a user can choose from, by name.
#pragma once

#include <span>
#include <string_view>

#include "quant/input_moments.h"
#include "quant/quantize.h"

namespace hqq {

/// What a method wants to know of a layer's input.
enum class MomentsNeed : uint8_t { none, diagonal, full };

struct QuantMethod {
  std::string_view name;         // as in commands, presets and saved files
  std::string_view description;  // one sentence for a person choosing
  MomentsNeed needs;
  bool is_costly;                // enough for its results to be worth keeping
  /// As hqq::quantize; the method decides what config.optimize means. Without `moments` (null) a method that wants them takes all
  /// columns as equally important.
  QuantizedTensor (*quantize)(const TensorView& weight, QuantConfig config, PackFormat format, const InputMoments* moments,
                              QuantStats* stats, Reporter* reporter);
};

/// All methods, the default first.
std::span<const QuantMethod> quant_methods();

/// Throws EngineError{bad_input} listing the known names.
const QuantMethod& quant_method(std::string_view name);

}  // namespace hqq
