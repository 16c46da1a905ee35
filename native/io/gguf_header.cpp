#include "io/gguf_header.h"

#include <cmath>
#include <limits>

#include "io/gguf_blocks.h"

namespace hqq {
namespace {

constexpr uint32_t kVersion = 3;
constexpr uint32_t kList = 9;

struct TypeCode {
  std::string_view name;
  uint32_t code;
};
constexpr TypeCode kTypes[] = {{"u32", 4}, {"i32", 5}, {"f32", 6}, {"bool", 7}, {"text", 8}};

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<uint64_t>(text.size()));
  out.append(text);
}

[[noreturn]] void refuse(const std::string& key, const std::string& rule) {
  throw EngineError(ErrorCode::bad_input, "GGUF metadata \"" + key.substr(0, 200) + "\" " + rule);
}

template <typename T>
T whole(const std::string& key, const Json& value) {
  const bool fits = value.is_int() && value.as_int() >= int64_t{std::numeric_limits<T>::min()} &&
                    value.as_int() <= int64_t{std::numeric_limits<T>::max()};
  if (!fits) refuse(key, "is no whole number of 32 bits");
  return static_cast<T>(value.as_int());
}

void put_value(std::string& out, const std::string& key, std::string_view type, const Json& value) {
  if (type == "u32") {
    put(out, whole<uint32_t>(key, value));
  } else if (type == "i32") {
    put(out, whole<int32_t>(key, value));
  } else if (type == "f32") {
    if (!value.is_number()) refuse(key, "is no number");
    put(out, static_cast<float>(value.as_number()));
  } else if (type == "bool") {
    if (!value.is_bool()) refuse(key, "is neither true nor false");
    put(out, static_cast<uint8_t>(value.as_bool()));
  } else {
    if (!value.is_string()) refuse(key, "is no text");
    put_text(out, value.as_string());
  }
}

int64_t aligned(int64_t offset) { return (offset + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment; }

}  // namespace

void GgufMetadata::add(const std::string& key, std::string_view type, const Json& value) {
  const bool list = type.ends_with("[]");
  if (list) type.remove_suffix(2);
  const TypeCode* known = nullptr;
  for (const TypeCode& candidate : kTypes)
    if (candidate.name == type) known = &candidate;
  if (known == nullptr) refuse(key, "has the unknown type \"" + std::string(type) + "\"");
  put_text(bytes_, key);
  put(bytes_, list ? kList : known->code);
  if (list) {
    if (!value.is_array()) refuse(key, "is no list");
    put(bytes_, known->code);
    put(bytes_, static_cast<uint64_t>(value.as_array().size()));
    for (const Json& item : value.as_array()) put_value(bytes_, key, type, item);
  } else {
    put_value(bytes_, key, type, value);
  }
  ++count_;
}

std::string gguf_header(const GgufMetadata& metadata, std::vector<GgufTensor>& tensors) {
  std::string out = "GGUF";
  put(out, kVersion);
  put(out, static_cast<uint64_t>(tensors.size()));
  put(out, static_cast<uint64_t>(metadata.count()));
  out += metadata.bytes();
  int64_t offset = 0;
  for (GgufTensor& tensor : tensors) {
    put_text(out, tensor.name);
    put(out, static_cast<uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) put(out, static_cast<uint64_t>(*extent));
    put(out, tensor.type);
    put(out, static_cast<uint64_t>(offset));
    const GgufBlock& block = *gguf_block(tensor.type);
    tensor.offset = offset;
    tensor.bytes = numel(tensor.shape) / block.values * block.bytes;
    offset = aligned(offset + tensor.bytes);
  }
  const int64_t begin = aligned(static_cast<int64_t>(out.size()));
  out.resize(static_cast<size_t>(begin), '\0');
  for (GgufTensor& tensor : tensors) tensor.offset += begin;
  return out;
}

}  // namespace hqq
