// Layers that other programs have quantized, taken over when a model is opened: as HQQ layers of the same integers, scales
// and zeros where those fit, so that everything after reading treats them as our own, else as plain weights, with a notice.
// Nothing is converted before it is asked for.
#pragma once

#include <string>

#include "io/safetensors.h"

namespace hqq {

/// GPTQ, AWQ, compressed-tensors and bitsandbytes (one header each: io/gptq_layer.h, ...). `folder` holds the model's
/// config.json, whose quantization_config is read, or the file that its maker has put beside the weights instead. Throws
/// EngineError{bad_file|unsupported|not_found} naming the tensor or field.
void adopt_foreign_layers(TensorStore& store, const std::string& folder);

}  // namespace hqq
