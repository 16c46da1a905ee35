// How one HQQ layer lies in a safetensors file: the key names of transformers and hqq (`<module>.W_q`, `.scale`, ...),
// shared by the writer and the loader, plus our own keys for what the reference cannot store. native/README.md has the
// table.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "quant/types.h"

namespace hqq {

/// Module names whose weights are stored as HQQ layers, sorted.
std::vector<std::string> hqq_layer_names(const TensorStore& store);
/// True when `module` is one of them.
bool is_hqq_layer(const TensorStore& store, const std::string& module);

/// Reads one layer. Accepts what hqq and transformers write (optional keys may be absent, W_q may be a float view) and
/// what hqq_layer_tensors writes. Every count, shape and type is checked against the others, so that kernels can trust
/// the result. Throws EngineError{not_found} for an unknown module, {bad_file} naming the key that does not fit,
/// {unsupported} for 1.58-bit and offloaded metadata.
QuantizedTensor load_hqq_layer(const TensorStore& store, const std::string& module);

/// What load_hqq_layer would give, checked alike, without reading the weights.
struct HqqLayerInfo {
  QuantConfig config;
  Shape shape;
  Packing packing = Packing::u8_4bit;
  int64_t packed_bytes = 0;
  int64_t metadata_bytes = 0;  // scale, zero and the small keys
};
HqqLayerInfo describe_hqq_layer(const TensorStore& store, const std::string& module);

/// The tensors that store one layer, without their values: what load_hqq_layer needs and all 19 keys that transformers
/// requires. Scale and zero are stored as `compute_dtype`; quantized metadata as u8 with float32 scale and zero of its
/// own.
std::vector<TensorSpec> hqq_layer_specs(const std::string& module, const Shape& shape, const QuantConfig& config,
                                        DType compute_dtype);

/// Those of them whose values follow from shape and configuration, with these values: all but W_q, scale and zero.
struct ConstantTensor {
  TensorSpec spec;
  std::vector<std::byte> value;
};
std::vector<ConstantTensor> hqq_layer_constants(const std::string& module, const Shape& shape, const QuantConfig& config,
                                                DType compute_dtype);

/// The same tensors with their values, in the same order. The small ones are owned here, the large ones stay in
/// `tensor`, which must outlive this object and hold its scale and zero in `compute_dtype` (quant/meta.h: cast_meta).
class HqqLayerTensors {
 public:
  HqqLayerTensors(const std::string& module, const QuantizedTensor& tensor, DType compute_dtype);
  const std::vector<TensorToWrite>& tensors() const { return tensors_; }

 private:
  std::vector<TensorToWrite> tensors_;
  std::deque<std::vector<std::byte>> small_;  // scalars and texts
};

}  // namespace hqq
