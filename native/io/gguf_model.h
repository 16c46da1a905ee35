// The tensors of a GGUF file as this engine knows models: under the model's own names, quantized ones as HQQ layers of the same
// integers, scales and zeros. Nothing is converted before it is asked for.
#pragma once

#include <memory>
#include <vector>

#include "io/gguf.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"

namespace hqq {

bool is_gguf(const std::string& path);
/// Throws EngineError{bad_file|unsupported} naming the file and the field.
std::vector<DerivedTensor> gguf_tensors(const std::shared_ptr<const MappedFile>& file);

}  // namespace hqq
