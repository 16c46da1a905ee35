#include "io/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/dtype.h"

namespace hqq {
namespace {

constexpr int64_t kSuper = 256;  // values of a K-quant's block

constexpr std::array<GgufBlock, 13> kBlocks = {{
    {0, "F32", 1, 4, 0, 0, DType::f32},
    {1, "F16", 1, 2, 0, 0, DType::f16},
    {30, "BF16", 1, 2, 0, 0, DType::bf16},
    {2, "Q4_0", 32, 18, 4, 32, DType::f32, true},
    {3, "Q4_1", 32, 20, 4, 32, DType::f32},
    {6, "Q5_0", 32, 22, 5, 32, DType::f32, true},
    {7, "Q5_1", 32, 24, 5, 32, DType::f32},
    {8, "Q8_0", 32, 34, 8, 32, DType::f32, true},
    {10, "Q2_K", kSuper, 84, 2, 16, DType::f32},
    {11, "Q3_K", kSuper, 110, 3, 16, DType::f32},
    {12, "Q4_K", kSuper, 144, 4, 32, DType::f32},
    {13, "Q5_K", kSuper, 176, 5, 32, DType::f32},
    {14, "Q6_K", kSuper, 210, 6, 16, DType::f32},
}};

using Bytes = const uint8_t*;

float half_at(Bytes data) {
  uint16_t bits;
  std::memcpy(&bits, data, sizeof bits);
  return f16_to_f32(bits);
}

/// w = step * q + least, which is what the file says, as scale and zero.
void set_group(float step, float least, uint8_t* q, int64_t group, float* scale, float* zero) {
  if (step != 0) {
    *scale = step;
    *zero = -least / step;
    return;
  }
  std::fill_n(q, group, uint8_t{0});
  *scale = least == 0 ? 1.0F : std::abs(least);
  *zero = least == 0 ? 0.0F : std::copysign(1.0F, -least);
}

/// Low nibbles are the first half of a block, high nibbles the second.
void nibbles(Bytes packed, uint8_t* q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = packed[i] & 15;
    q[i + 16] = packed[i] >> 4;
  }
}

void fifth_bits(Bytes bits, uint8_t* q) {
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(q[i] | ((bits[i / 8] >> (i % 8)) & 1) << 4);
}

void decode_q4_0(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibbles(data + 2, q);
  const float d = half_at(data);
  set_group(d, -8 * d, q, 32, scale, zero);
}

void decode_q4_1(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibbles(data + 4, q);
  set_group(half_at(data), half_at(data + 2), q, 32, scale, zero);
}

void decode_q5_0(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibbles(data + 6, q);
  fifth_bits(data + 2, q);
  const float d = half_at(data);
  set_group(d, -16 * d, q, 32, scale, zero);
}

void decode_q5_1(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibbles(data + 8, q);
  fifth_bits(data + 4, q);
  set_group(half_at(data), half_at(data + 2), q, 32, scale, zero);
}

void decode_q8_0(Bytes data, uint8_t* q, float* scale, float* zero) {
  for (int i = 0; i < 32; ++i) q[i] = static_cast<uint8_t>(data[2 + i] ^ 0x80);  // two's complement plus 128
  const float d = half_at(data);
  set_group(d, -128 * d, q, 32, scale, zero);
}

/// Two bits each: in every half of the block 32 bytes hold four runs of 32 values, the first in the lowest bits.
void two_bits(Bytes packed, uint8_t* q) {
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128, run = i % 128 / 32;
    q[i] = (packed[half * 32 + i % 32] >> (2 * run)) & 3;
  }
}

void decode_q2_k(Bytes data, uint8_t* q, float* scale, float* zero) {
  two_bits(data + 16, q);
  const float d = half_at(data + 80), least = half_at(data + 82);
  for (int g = 0; g < 16; ++g) {
    set_group(d * static_cast<float>(data[g] & 15), -least * static_cast<float>(data[g] >> 4), q + g * 16, 16, scale + g, zero + g);
  }
}

void decode_q3_k(Bytes data, uint8_t* q, float* scale, float* zero) {
  const Bytes high = data, scales = data + 96;
  two_bits(data + 32, q);
  // The third bit of value i is bit i / 32 of byte i % 32.
  for (int i = 0; i < kSuper; ++i) q[i] = static_cast<uint8_t>(q[i] | ((high[i % 32] >> (i / 32)) & 1) << 2);
  const float d = half_at(data + 108);
  for (int g = 0; g < 16; ++g) {
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    const int top = (scales[8 + g % 4] >> (2 * (g / 4))) & 3;
    const float step = d * static_cast<float>((low | top << 4) - 32);
    set_group(step, -4 * step, q + g * 16, 16, scale + g, zero + g);
  }
}

/// Six-bit scale and least value of group g of eight in 12 bytes.
struct SixBits {
  int scale, least;
};
SixBits six_bits(Bytes packed, int g) {
  if (g < 4) return {packed[g] & 63, packed[g + 4] & 63};
  return {(packed[g + 4] & 15) | packed[g - 4] >> 6 << 4, packed[g + 4] >> 4 | packed[g] >> 6 << 4};
}

/// Of 64 values each 32 bytes hold 32 in their low and 32 in their high nibbles.
void nibble_runs(Bytes packed, uint8_t* q) {
  for (int i = 0; i < kSuper; ++i) {
    const uint8_t both = packed[i / 64 * 32 + i % 32];
    q[i] = i % 64 < 32 ? both & 15 : both >> 4;
  }
}

void six_bit_groups(Bytes data, uint8_t* q, float* scale, float* zero) {
  const float d = half_at(data), least = half_at(data + 2);
  for (int g = 0; g < 8; ++g) {
    const SixBits six = six_bits(data + 4, g);
    set_group(d * static_cast<float>(six.scale), -least * static_cast<float>(six.least), q + g * 32, 32, scale + g, zero + g);
  }
}

void decode_q4_k(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibble_runs(data + 16, q);
  six_bit_groups(data, q, scale, zero);
}

void decode_q5_k(Bytes data, uint8_t* q, float* scale, float* zero) {
  nibble_runs(data + 48, q);
  for (int i = 0; i < kSuper; ++i) q[i] = static_cast<uint8_t>(q[i] | ((data[16 + i % 32] >> (i / 32)) & 1) << 4);
  six_bit_groups(data, q, scale, zero);
}

void decode_q6_k(Bytes data, uint8_t* q, float* scale, float* zero) {
  const Bytes low = data, high = data + 128;
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128, run = i % 128 / 32, at = i % 32;
    const uint8_t nibble_pair = low[half * 64 + run % 2 * 32 + at];
    const int nibble = run < 2 ? nibble_pair & 15 : nibble_pair >> 4;
    const int top = (high[half * 32 + at] >> (2 * run)) & 3;
    q[i] = static_cast<uint8_t>(nibble | top << 4);
  }
  const float d = half_at(data + 208);
  for (int g = 0; g < 16; ++g) {
    const float step = d * static_cast<float>(static_cast<int8_t>(data[192 + g]));
    set_group(step, -32 * step, q + g * 16, 16, scale + g, zero + g);
  }
}

}  // namespace

const GgufBlock* gguf_block(uint32_t type) {
  const auto found = std::find_if(kBlocks.begin(), kBlocks.end(), [&](const GgufBlock& block) { return block.type == type; });
  return found == kBlocks.end() ? nullptr : &*found;
}

std::string gguf_type_name(uint32_t type) {
  if (const GgufBlock* block = gguf_block(type)) return block->name;
  switch (type) {
    case 9: return "Q8_1";
    case 15: return "Q8_K";
    case 16: return "IQ2_XXS";
    case 17: return "IQ2_XS";
    case 18: return "IQ3_XXS";
    case 19: return "IQ1_S";
    case 20: return "IQ4_NL";
    case 21: return "IQ3_S";
    case 22: return "IQ2_S";
    case 23: return "IQ4_XS";
    case 29: return "IQ1_M";
    case 39: return "MXFP4";
    default: return "number " + std::to_string(type);
  }
}

void decode_gguf_block(const GgufBlock& block, const std::byte* data, uint8_t* q, float* scale, float* zero) {
  const auto* bytes = reinterpret_cast<Bytes>(data);
  switch (block.type) {
    case 2: return decode_q4_0(bytes, q, scale, zero);
    case 3: return decode_q4_1(bytes, q, scale, zero);
    case 6: return decode_q5_0(bytes, q, scale, zero);
    case 7: return decode_q5_1(bytes, q, scale, zero);
    case 8: return decode_q8_0(bytes, q, scale, zero);
    case 10: return decode_q2_k(bytes, q, scale, zero);
    case 11: return decode_q3_k(bytes, q, scale, zero);
    case 12: return decode_q4_k(bytes, q, scale, zero);
    case 13: return decode_q5_k(bytes, q, scale, zero);
    case 14: return decode_q6_k(bytes, q, scale, zero);
    default: break;
  }
}

}  // namespace hqq
