// Layers as AutoAWQ's GEMM version stores them, 4 bits:
//
//   qweight I32 [in, out / 8], qzeros I32 [groups, out / 8]   eight outputs a word, in the order 0 2 4 6 1 3 5 7 from its
//                                                             low bits up
//   scales  F16 [groups, out]
#pragma once

#include "io/affine_layer.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace hqq {

/// True when `module` has qweight, qzeros and scales, and is not laid out as GPTQ's (io/gptq_layer.h).
bool is_awq_layer(const TensorStore& store, const std::string& module);

/// `config`: the model's quantization_config, null without one. Both throw EngineError{bad_file} naming the tensor or field
/// that does not fit, {unsupported} for the GEMV layouts and other widths.
AffineInfo describe_awq_layer(const TensorStore& store, const std::string& module, const Json& config);
AffineLayer load_awq_layer(const TensorStore& store, const std::string& module, const Json& config);

}  // namespace hqq
