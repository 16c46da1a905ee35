// Every float16 and bfloat16 value both ways, rounding at every boundary, and the SIMD conversions against the scalar ones.
#include "core/dtype.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/cpu_features.h"
#include "core/error.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

bool is_nan16(uint16_t h, DType t) {
  return t == DType::f16 ? (h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0 : (h & 0x7f80) == 0x7f80 && (h & 0x7f) != 0;
}
float widen(uint16_t h, DType t) { return t == DType::f16 ? f16_to_f32(h) : bf16_to_f32(h); }
uint16_t narrow(float f, DType t) { return t == DType::f16 ? f32_to_f16(f) : f32_to_bf16(f); }

/// float16 by its definition: (-1)^sign * 2^(exponent - 15) * 1.mantissa
double f16_by_definition(uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const double mantissa = h & 0x3ff;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST("every 16-bit value survives the way there and back") {
  for (const DType t : {DType::f16, DType::bf16}) {
    for (uint32_t h = 0; h < 65536; ++h) {
      const auto half = static_cast<uint16_t>(h);
      const float wide = widen(half, t);
      if (is_nan16(half, t)) {
        CHECK(std::isnan(wide) && is_nan16(narrow(wide, t), t), h);
        continue;
      }
      CHECK_EQ(narrow(wide, t), half);
      if (t == DType::f16 && (half & 0x7c00) != 0x7c00) CHECK_EQ(static_cast<double>(wide), f16_by_definition(half));
    }
  }
}

TEST("rounding is to nearest, ties to even, at every boundary") {
  for (const DType t : {DType::f16, DType::bf16}) {
    const uint32_t infinity = t == DType::f16 ? 0x7c00 : 0x7f80;
    for (uint32_t h = 0; h + 1 < infinity; ++h) {
      const float low = widen(static_cast<uint16_t>(h), t), high = widen(static_cast<uint16_t>(h + 1), t);
      const float middle = low + (high - low) / 2;
      const auto even = static_cast<uint16_t>((h & 1) == 0 ? h : h + 1);
      CHECK_EQ(narrow(middle, t), even);
      CHECK_EQ(narrow(-middle, t), even | 0x8000);
      CHECK_EQ(narrow(std::nextafter(middle, low), t), h);
      CHECK_EQ(narrow(std::nextafter(middle, high), t), h + 1);
    }
  }
  CHECK_EQ(f32_to_f16(65519.0f), 0x7bff);
  CHECK_EQ(f32_to_f16(65520.0f), 0x7c00);
  CHECK_EQ(f32_to_f16(std::numeric_limits<float>::infinity()), 0x7c00);
  CHECK_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  CHECK_EQ(f32_to_f16(1e-10f), 0);
}

TEST("block conversions equal the scalar ones at every level, at any alignment") {
  std::vector<float> values;
  for (uint32_t h = 0; h < 65536; ++h) values.push_back(f16_to_f32(static_cast<uint16_t>(h)) * 1.0003f);
  const auto n = static_cast<int64_t>(values.size());
  test::at_every_level([&] {
    for (const DType t : {DType::f16, DType::bf16}) {
      std::vector<std::byte> bytes(values.size() * 2 + 1);
      std::byte* odd = bytes.data() + 1;  // as in a file, where nothing promises alignment
      from_f32(values.data(), t, odd, n - 3);
      std::vector<float> back(values.size());
      to_f32(odd, t, back.data(), n - 3);
      for (int64_t i = 0; i < n - 3; ++i) {
        uint16_t half;
        std::memcpy(&half, odd + i * 2, 2);
        CHECK_EQ(half, narrow(values[static_cast<size_t>(i)], t));
        const float expected = widen(half, t);
        CHECK(std::memcmp(&back[static_cast<size_t>(i)], &expected, 4) == 0, i);
      }
    }
  });
  float out;
  const int32_t integer = 1;
  CHECK_THROWS_CODE(to_f32(&integer, DType::i32, &out, 1), unsupported);
}

TEST("names of types, in files and in PyTorch") {
  for (const DType t : {DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::u8}) {
    CHECK(dtype_from_safetensors(to_string(t)) == t);
    CHECK(dtype_from_torch(torch_name(t)) == t);
  }
  CHECK(!dtype_from_safetensors("F64"));
  CHECK_EQ(torch_name(DType::bf16), "torch.bfloat16");
}

TEST("SIMD levels: scalar is always there, others only where the CPU has them") {
  const test::RestoreSettings restore;
  const auto levels = available_simd_levels();
  CHECK(levels.front() == SimdLevel::scalar);
  for (const SimdLevel level : {SimdLevel::scalar, SimdLevel::avx2, SimdLevel::avx512, SimdLevel::amx, SimdLevel::neon}) {
    CHECK(simd_level_from_string(to_string(level)) == level);
    const bool present = std::find(levels.begin(), levels.end(), level) != levels.end();
    if (present) {
      set_simd_level(level);
      CHECK(active_simd_level() == level);
    } else {
      CHECK_THROWS_CODE(set_simd_level(level), bad_input);
    }
  }
  CHECK(!simd_level_from_string("sse9"));
}

}  // namespace hqq
