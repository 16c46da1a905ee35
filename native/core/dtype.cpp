#include "core/dtype.h"

#include <array>
#include <cstring>

#include "core/cpu_features.h"
#include "core/dtype_kernels.h"
#include "core/error.h"

namespace hqq {
namespace {

struct Names {
  DType type;
  std::string_view safetensors;
  std::string_view torch;
};
constexpr std::array<Names, 6> kNames = {{
    {DType::f32, "F32", "torch.float32"},
    {DType::f16, "F16", "torch.float16"},
    {DType::bf16, "BF16", "torch.bfloat16"},
    {DType::i64, "I64", "torch.int64"},
    {DType::i32, "I32", "torch.int32"},
    {DType::u8, "U8", "torch.uint8"},
}};

const Names& names_of(DType t) { return kNames[static_cast<size_t>(t)]; }

uint16_t load_u16(const void* src, int64_t i) {
  uint16_t value;
  std::memcpy(&value, static_cast<const char*>(src) + i * 2, sizeof(value));
  return value;
}

void store_u16(void* dst, int64_t i, uint16_t value) {
  std::memcpy(static_cast<char*>(dst) + i * 2, &value, sizeof(value));
}

[[noreturn]] void not_a_float_type(DType t) {
  throw EngineError(ErrorCode::unsupported,
                    "a floating-point tensor is needed here, got " + std::string(to_string(t)));
}

}  // namespace

std::string_view to_string(DType t) { return names_of(t).safetensors; }
std::string_view torch_name(DType t) { return names_of(t).torch; }

std::optional<DType> dtype_from_safetensors(std::string_view name) {
  for (const Names& n : kNames) {
    if (n.safetensors == name) return n.type;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_torch(std::string_view name) {
  for (const Names& n : kNames) {
    if (n.torch == name) return n.type;
  }
  return std::nullopt;
}

uint16_t f32_to_bf16(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t{h & 0x8000u} << 16;
  const uint32_t exponent = (h >> 10) & 0x1f;
  const uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0x1f) {  // infinity; a NaN becomes quiet, as the hardware conversion makes it
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13) | (mantissa != 0 ? 0x400000u : 0u));
  }
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  // Subnormal halves are multiples of 2^-24, which float32 holds exactly.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

uint16_t f32_to_f16(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above round to infinity
  if (magnitude < 0x38800000u) {
    // Below 2^-14 the result is subnormal: adding 0.5 puts the unit in the last place at 2^-24, and the addition itself
    // rounds to nearest even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rebased = magnitude - (112u << 23);
  return static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1)) >> 13));
}

void to_f32(const void* src, DType t, float* dst, int64_t n) {
  switch (t) {
    case DType::f32: std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(float)); return;
    case DType::bf16:
      for (int64_t i = 0; i < n; ++i) dst[i] = bf16_to_f32(load_u16(src, i));
      return;
    case DType::f16: {
      int64_t done = 0;
      if (active_simd_level() != SimdLevel::scalar) done = f16_blocks_to_f32(src, dst, n);
      for (int64_t i = done; i < n; ++i) dst[i] = f16_to_f32(load_u16(src, i));
      return;
    }
    default: not_a_float_type(t);
  }
}

void from_f32(const float* src, DType t, void* dst, int64_t n) {
  switch (t) {
    case DType::f32: std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(float)); return;
    case DType::bf16:
      for (int64_t i = 0; i < n; ++i) store_u16(dst, i, f32_to_bf16(src[i]));
      return;
    case DType::f16: {
      int64_t done = 0;
      if (active_simd_level() != SimdLevel::scalar) done = f32_blocks_to_f16(src, dst, n);
      for (int64_t i = done; i < n; ++i) store_u16(dst, i, f32_to_f16(src[i]));
      return;
    }
    default: not_a_float_type(t);
  }
}

}  // namespace hqq
