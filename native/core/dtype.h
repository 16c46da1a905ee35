// Element types of tensors in files and in memory, and the bit-exact conversions between them.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hqq {

enum class DType : uint8_t { f32, f16, bf16, i64, i32, u8 };

/// Bytes of one element.
constexpr int64_t size_of(DType t) {
  switch (t) {
    case DType::f32: case DType::i32: return 4;
    case DType::f16: case DType::bf16: return 2;
    case DType::i64: return 8;
    case DType::u8: return 1;
  }
  return 0;
}

/// Safetensors spelling ("F32", "BF16", ...).
std::string_view to_string(DType t);
/// Inverse of to_string; empty for types the engine does not read.
std::optional<DType> dtype_from_safetensors(std::string_view name);
/// PyTorch spelling ("torch.float16", ...), used in HQQ metadata.
std::string_view torch_name(DType t);
std::optional<DType> dtype_from_torch(std::string_view name);

/// bfloat16 is the upper half of a float32.
inline float bf16_to_f32(uint16_t h) { return std::bit_cast<float>(uint32_t{h} << 16); }
/// Round to nearest, ties to even; NaN stays NaN.
uint16_t f32_to_bf16(float f);
float f16_to_f32(uint16_t h);
/// Round to nearest, ties to even; overflow gives infinity, as PyTorch does.
uint16_t f32_to_f16(float f);

/// Converts `n` elements at `src` (type `t`, any of f32/f16/bf16, any alignment) to float32.
void to_f32(const void* src, DType t, float* dst, int64_t n);
/// Converts `n` float32 to `t` (f32/f16/bf16), round to nearest even.
void from_f32(const float* src, DType t, void* dst, int64_t n);

}  // namespace hqq
