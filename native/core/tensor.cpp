#include "core/tensor.h"

#include "core/error.h"

namespace hqq {

int64_t numel(const Shape& shape) {
  int64_t product = 1;
  bool overflow = false;
  for (const int64_t dim : shape) {
    require(dim >= 0, ErrorCode::bad_file, "tensor shape " + to_string(shape) + " has a negative dimension");
    // A zero anywhere makes the product zero, so overflow is judged on the whole shape only.
    overflow = (dim != 0 && __builtin_mul_overflow(product, dim, &product)) || overflow;
    if (dim == 0) return 0;
  }
  require(!overflow, ErrorCode::bad_file, "tensor shape " + to_string(shape) + " has more elements than 2^63");
  return product;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace hqq
