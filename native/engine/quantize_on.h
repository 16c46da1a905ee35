// Quantizing on the device that a caller chose.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/quantizer.h"
#include "quant/method.h"

namespace hqq {

/// `device` is "cpu" or "cuda:UUID" (engine/device_field.h). Throws what the device answers.
std::unique_ptr<Quantizer> quantizer_on(const std::string& device);

/// One matrix, as QuantMethod::quantize of the method called `method`.
QuantizedTensor quantize_on(const std::string& device, std::string_view method, const TensorView& weight,
                            const QuantConfig& config, PackFormat format, QuantStats* stats, Reporter* reporter);

}  // namespace hqq
