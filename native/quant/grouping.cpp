#include "quant/grouping.h"

#include <string>

#include "core/error.h"
#include "quant/meta.h"

namespace hqq {

int max_quantized_value(int nbits) {
  require(nbits == 8 || (nbits >= 1 && nbits <= 6), ErrorCode::bad_input,
          std::to_string(nbits) + " bits per weight are not supported; choose 8, 6, 5, 4, 3, 2 or 1");
  return (1 << nbits) - 1;
}

Grouping resolve_grouping(const QuantConfig& config, const Shape& shape) {
  max_quantized_value(config.nbits);
  require(config.axis == 0 || config.axis == 1, ErrorCode::bad_input,
          "axis must be 0 or 1, got " + std::to_string(config.axis));
  require(shape.size() == 2, ErrorCode::bad_input, "only matrices are quantized, got shape " + to_string(shape));
  const int64_t n = numel(shape);
  require(n > 0, ErrorCode::bad_input, "a matrix of shape " + to_string(shape) + " has nothing to quantize");
  require(config.group_size >= 0, ErrorCode::bad_input, "group size must be positive, or 0 for none");

  Grouping view;
  view.axis = config.axis;
  view.per_tensor = !config.channel_wise;
  if (view.per_tensor || config.group_size == 0) {
    view.rows = shape[0];
    view.cols = shape[1];
  } else {
    require(n % config.group_size == 0, ErrorCode::bad_input,
            "group size " + std::to_string(config.group_size) + " does not divide the " + std::to_string(n) +
                " weights of a " + to_string(shape) + " matrix; choose a divisor, or no grouping");
    const int64_t others = n / config.group_size;
    view.rows = config.axis == 1 ? others : config.group_size;
    view.cols = config.axis == 1 ? config.group_size : others;
  }
  view.groups = view.per_tensor ? 1 : config.axis == 1 ? view.rows : view.cols;
  view.group_size = n / view.groups;
  require(!config.quant_scale || view.groups % kScaleGroupSize == 0, ErrorCode::bad_input,
          "quantized scales come in groups of " + std::to_string(kScaleGroupSize) + ", but this matrix has " +
              std::to_string(view.groups) + " scales; choose another group size or keep the scales as they are");
  return view;
}

Shape meta_shape(const Grouping& grouping) {
  if (grouping.per_tensor) return {};
  return grouping.axis == 1 ? Shape{grouping.groups, 1} : Shape{1, grouping.groups};
}

}  // namespace hqq
