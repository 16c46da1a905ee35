// From a config and a weight's shape to the 2-D view in which groups are rows or columns.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "quant/types.h"

namespace hqq {

/// The grouped view of a weight: the flat row-major buffer read as [rows, cols]. At axis 1 every row is a group (contiguous; it
/// may straddle rows of the weight), at axis 0 every column. Per tensor, the whole view is one group.
struct Grouping {
  int64_t rows = 0, cols = 0;
  int64_t groups = 0;
  int64_t group_size = 0;
  int axis = 1;
  bool per_tensor = false;

  /// True when a group is one contiguous stretch of memory.
  bool contiguous() const { return per_tensor || axis == 1 || cols == 1; }
  int64_t numel() const { return rows * cols; }
};

/// Checks the config against the shape. Throws EngineError{bad_input} saying what does not fit and what would.
Grouping resolve_grouping(const QuantConfig& config, const Shape& shape);

/// Largest quantized value, 2^nbits - 1. Throws EngineError{bad_input} for a width that is not supported.
int max_quantized_value(int nbits);

/// Shape of scale and zero: [groups, 1] at axis 1, [1, groups] at axis 0, [] per tensor.
Shape meta_shape(const Grouping& grouping);

}  // namespace hqq
