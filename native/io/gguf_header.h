// Writing the header of a GGUF file, version 3: typed metadata, then name, shape, type and place of every tensor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/gguf.h"

namespace hqq {

constexpr int64_t kGgufAlignment = 32;

/// Metadata in the bytes of the file, key by key.
class GgufMetadata {
 public:
  /// `type` is "u32", "i32", "f32", "bool" or "text", or one of them with "[]" behind it. Throws EngineError{bad_input} naming the key
  /// for another type, or a value that does not fit.
  void add(const std::string& key, std::string_view type, const Json& value);

  int64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  int64_t count_ = 0;
  std::string bytes_;
};

/// The header up to the first tensor, padding included. Gives each tensor, by type and shape, its absolute offset and its size.
std::string gguf_header(const GgufMetadata& metadata, std::vector<GgufTensor>& tensors);

}  // namespace hqq
