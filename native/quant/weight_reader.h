// A weight matrix as flat float32, converted a piece at a time so that no whole copy is ever made.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace hqq {

class WeightReader {
 public:
  /// Keeps a reference: `view` must outlive the reader. f32, f16 or bf16, any alignment.
  explicit WeightReader(const TensorView& view) : view_(view), element_bytes_(size_of(view.dtype)) {}

  /// Flat elements [begin, begin + n) as float32.
  void read(int64_t begin, int64_t n, float* out) const { to_f32(address(begin), view_.dtype, out, n); }

  /// Asks for elements that will be read soon: rows of a strided tile lie too far apart for the processor to foresee.
  void prefetch(int64_t begin, int64_t n) const {
    for (int64_t at = 0; at < n * element_bytes_; at += 64) __builtin_prefetch(address(begin) + at);
  }

  /// Finds the first weight that cannot be quantized and throws EngineError{bad_weights} naming its row and column.
  [[noreturn]] void throw_bad_weight() const;

 private:
  const char* address(int64_t element) const { return static_cast<const char*>(view_.data) + element * element_bytes_; }

  const TensorView& view_;
  int64_t element_bytes_;
};

}  // namespace hqq
