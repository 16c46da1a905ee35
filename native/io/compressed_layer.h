// Layers as compressed-tensors stores them (llm-compressor; what vLLM and SGLang load):
//
//   pack-quantized   weight_packed I32 [out, words]   a row is the bit stream (io/bit_fields.h) of q + 2^(nbits - 1), or,
//                                                     in older files, 32 / nbits values a word with the top bits unused
//                    weight_shape  I64 or I32 [2]
//   int-quantized    weight        I8  [out, in]
//   both             weight_scale      F16, BF16 or F32 [out, groups], [out, 1] or [1]
//                    weight_zero_point asymmetric only: I32 [words of out, groups], packed along the outputs; I8 when not
//                                      packed
//                    weight_g_idx      I32 [in], optional: group of each input
#pragma once

#include "io/affine_layer.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace hqq {

/// `config` without the levels that some versions put around it; null when it is no compressed-tensors configuration.
const Json* compressed_config(const Json& config);

bool is_compressed_layer(const TensorStore& store, const std::string& module);

/// `config`: the model's quantization_config, null without one. Both throw EngineError{bad_file} naming the tensor or field
/// that does not fit, {unsupported} for values that are no integers (FP8, FP4) and for scales of blocks.
AffineInfo describe_compressed_layer(const TensorStore& store, const std::string& module, const Json& config);
AffineLayer load_compressed_layer(const TensorStore& store, const std::string& module, const Json& config);

}  // namespace hqq
