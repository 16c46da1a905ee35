// Layers as GPTQ programs store them (AutoGPTQ, GPTQModel, transformers' GPTQConfig):
//
//   qweight I32 [in * nbits / 32, out]   a column is the bit stream (io/bit_fields.h) of one output's integers
//   scales  F16 [groups, out]
//   qzeros  I32 [groups, out * nbits / 32]   a row is the bit stream of one group's zero points
//   g_idx   I32 [in], optional   group of each input; otherwise i / group_size
//
// The first version of the format stores zero points less one, modulo 2^nbits; "gptq_v2" stores them as they are.
#pragma once

#include "io/affine_layer.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace hqq {

/// True when `module` has qweight, qzeros and scales that are as wide as qweight.
bool is_gptq_layer(const TensorStore& store, const std::string& module);

/// `config`: the model's quantization_config, null without one; it says which version, and what the tensors leave open.
/// Both throw EngineError{bad_file} naming the tensor or field that does not fit, {unsupported} for other layouts of GPTQ
/// weights (Marlin, BitBLAS) and for widths other than 2, 3, 4 and 8 bits.
AffineInfo describe_gptq_layer(const TensorStore& store, const std::string& module, const Json& config);
AffineLayer load_gptq_layer(const TensorStore& store, const std::string& module, const Json& config);

}  // namespace hqq
