#include "core/tensor.h"

#include "core/error.h"

namespace hqq {

int64_t numel(const Shape& shape) {
  int64_t product = 1;
  bool overflow = false, empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) throw EngineError(ErrorCode::bad_file, "tensor shape " + to_string(shape) + " has a negative dimension");
    if (dim == 0) empty = true;
    overflow = overflow || __builtin_mul_overflow(product, dim, &product);
  }
  if (empty) return 0;
  if (overflow) throw EngineError(ErrorCode::bad_file, "tensor shape " + to_string(shape) + " has more elements than 2^63");
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
