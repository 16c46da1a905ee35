// Non-owning view of a dense row-major tensor. Ownership lives in core/arena.h or io/mapped_file.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace hqq {

using Shape = std::vector<int64_t>;

/// Product of the dimensions; throws EngineError{bad_file} on a negative dimension or on overflow.
int64_t numel(const Shape& shape);
std::string to_string(const Shape& shape);  // "[4096, 11008]"

struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;

  int64_t numel() const { return hqq::numel(shape); }
  int64_t bytes() const { return numel() * size_of(dtype); }
};

}  // namespace hqq
