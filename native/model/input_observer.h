// Sees what the linear layers of a model are multiplied with, batch by batch.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hqq {

class InputObserver {
 public:
  virtual ~InputObserver() = default;
  /// `modules` share the input x, f32[tokens][in].
  virtual void observe(std::span<const std::string_view> modules, const float* x, int64_t tokens, int64_t in) = 0;
  /// Block `block` is about to read its input, f32[tokens][hidden_size].
  virtual void enter_block(int64_t block, const float* hidden, int64_t tokens) {
    (void)block;
    (void)hidden;
    (void)tokens;
  }
};

}  // namespace hqq
