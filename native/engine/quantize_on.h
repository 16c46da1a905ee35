// One matrix quantized on the device that a caller chose.
#pragma once

#include <string>
#include <string_view>

#include "quant/method.h"

namespace hqq {

/// As QuantMethod::quantize of the method called `method`. `device` is "cpu" or "cuda:UUID" (engine/device_field.h).
/// Throws also what the device answers.
QuantizedTensor quantize_on(const std::string& device, std::string_view method, const TensorView& weight,
                            const QuantConfig& config, PackFormat format, QuantStats* stats, Reporter* reporter);

}  // namespace hqq
