// PyTorch's storage types and the types of safetensors that they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hqq {

struct TorchStorageType {
  std::string_view name, dtype;
  int64_t bytes;  // of an element
};
inline constexpr TorchStorageType kTorchStorages[] = {
    {"ByteStorage", "U8", 1},   {"CharStorage", "I8", 1},      {"BoolStorage", "BOOL", 1}, {"ShortStorage", "I16", 2}, {"HalfStorage", "F16", 2},
    {"BFloat16Storage", "BF16", 2}, {"IntStorage", "I32", 4}, {"FloatStorage", "F32", 4}, {"LongStorage", "I64", 8},  {"DoubleStorage", "F64", 8},
};

/// The storage type of a dtype; none where PyTorch has none.
inline std::optional<std::string_view> torch_storage_of(std::string_view dtype) {
  for (const TorchStorageType& type : kTorchStorages)
    if (type.dtype == dtype) return type.name;
  return std::nullopt;
}

}  // namespace hqq
