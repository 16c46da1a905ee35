// Writes HQQ layers as compressed-tensors' pack-quantized layers (io/compressed_layer.h), W4A16 or W8A16, which vLLM and
// SGLang serve.
#pragma once

#include <string>
#include <vector>

#include "core/arena.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "quant/types.h"

namespace hqq {

/// How a layer is written. Its integers keep their grid: with `nbits` more bits than it has, every step becomes
/// 2^(nbits - own) smaller ones, so that zero points, which are integers here, are rounded to a finer grid.
struct CompressedSpec {
  std::string module;
  Shape shape;  // [out, in]
  int nbits = 4;
  int64_t group_size = 0;  // 0: one scale a row
  bool symmetric = false;  // every zero point is 2^(nbits - 1)
  DType dtype = DType::f16;

  int64_t groups() const { return group_size == 0 ? 1 : shape[1] / group_size; }
};

/// Chooses how, from a layer whose weights are at hand. Throws EngineError{bad_input} for one that the format cannot hold
/// (axis 0, groups that straddle rows, more than `nbits` bits), saying what would.
CompressedSpec compressed_spec(const std::string& module, const QuantizedTensor& layer, int nbits);

/// The tensors of the layer in the order that compressed_values gives their contents in.
std::vector<TensorSpec> compressed_tensors(const CompressedSpec& spec);
std::vector<Buffer> compressed_values(const CompressedSpec& spec, const QuantizedTensor& layer);

/// `quantization_config` of config.json for these layers. `ignored`: linear layers that are stored plain.
Json compressed_quantization_config(const std::vector<CompressedSpec>& layers, const std::vector<std::string>& ignored);

}  // namespace hqq
