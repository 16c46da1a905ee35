// A layer of integers with a scale and an integer zero point for each group of inputs, as other programs store it, in our
// order: W[o, i] = scale[o, g(i)] * (q[o, i] - zero[o, g(i)]). Where the groups are equal stretches of neighbouring
// inputs it is an HQQ layer of axis 1 and is kept as one; where inputs were sorted by importance first (GPTQ's desc_act)
// it can only be dequantized.
#pragma once

#include <string>
#include <vector>

#include "quant/types.h"

namespace hqq {

/// What such a layer is, before its weights are read.
struct AffineInfo {
  int nbits = 4;
  Shape shape;  // [out, in]
  int64_t groups = 1;  // of one output
  DType dtype = DType::f16;  // of the scales, and of the weight when it is dequantized
  /// Group of each input, all below `groups`; empty when input i is in group i / (in / groups).
  std::vector<int32_t> group_of;

  bool regular() const { return group_of.empty(); }
  int64_t group_size() const { return shape[1] / groups; }
  /// The configuration it has as an HQQ layer. Only for regular ones.
  QuantConfig config() const;
};

/// Takes `groups_of_inputs` over unless it says what is so anyway. Throws EngineError{bad_file} naming `tensor` for a group
/// that does not exist.
void set_groups(AffineInfo& info, const std::vector<int64_t>& groups_of_inputs, const std::string& tensor);
/// When the groups are stretches of `group_size` inputs and the last may be shorter.
void set_group_size(AffineInfo& info, int64_t group_size);

struct AffineLayer {
  AffineInfo info;
  Buffer q;      // u8 [out, in]
  Buffer scale;  // dtype [out, groups]
  Buffer zero;   // u8 [out, groups]

  /// With memory for its parts.
  explicit AffineLayer(AffineInfo about);
};

/// The same weights as an HQQ layer: the integers repacked, zeros as floats. Only for regular ones.
QuantizedTensor to_quantized(const AffineLayer& layer);
/// The weight in the dtype of its scales, [out, in]: one rounding, of the product.
Buffer to_dense(const AffineLayer& layer);

/// dst[c, r] = src[r, c] for elements of `size` bytes.
void transpose(const void* src, int64_t rows, int64_t cols, int64_t size, void* dst);

}  // namespace hqq
