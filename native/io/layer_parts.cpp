#include "io/layer_parts.h"

#include <cstring>

namespace hqq {

void LayerParts::fail(const std::string& key, const std::string& rule) const {
  throw EngineError(ErrorCode::bad_file, store_.named(module_ + "." + key) + " " + rule);
}

TensorView LayerParts::integers(const std::string& key, size_t rank) const {
  const TensorView found = view(key);
  if (found.dtype != DType::i32) fail(key, "is " + std::string(to_string(found.dtype)) + ", expected I32");
  if (found.shape.size() != rank) fail(key, "has shape " + to_string(found.shape) + ", which its format does not have");
  return found;
}

TensorView LayerParts::floats(const std::string& key) const {
  const TensorView found = view(key);
  if (found.dtype != DType::f32 && found.dtype != DType::f16 && found.dtype != DType::bf16)
    fail(key, "is " + std::string(to_string(found.dtype)) + ", expected F16, BF16 or F32");
  return found;
}

TensorView LayerParts::bytes(const std::string& key) const {
  const std::string name = module_ + "." + key;
  const TensorEntry* entry = store_.find(name);
  require(entry != nullptr, ErrorCode::not_found, store_.named(name) + " is missing");
  if (entry->dtype != "U8" && entry->dtype != "I8") fail(key, "is " + entry->dtype + ", expected bytes");
  return {store_.bytes(*entry).data(), DType::u8, entry->shape};
}

std::vector<int64_t> LayerParts::numbers(const std::string& key, int64_t most) const {
  const TensorView found = view(key);
  if (found.dtype != DType::i32 && found.dtype != DType::i64)
    fail(key, "is " + std::string(to_string(found.dtype)) + ", expected integers");
  if (found.shape.size() != 1 || found.shape[0] > most) fail(key, "has shape " + to_string(found.shape));
  std::vector<int64_t> values(static_cast<size_t>(found.shape[0]));
  const auto* source = static_cast<const std::byte*>(found.data);
  for (size_t i = 0; i < values.size(); ++i) {
    int32_t narrow = 0;
    if (found.dtype == DType::i64) std::memcpy(&values[i], source + i * 8, 8);
    else std::memcpy(&narrow, source + i * 4, 4);
    if (found.dtype == DType::i32) values[i] = narrow;
  }
  return values;
}

}  // namespace hqq
