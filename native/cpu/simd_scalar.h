// The 16-lane vectors that cpu/*_impl.h is written in, in portable C++: the meaning of every operation, and the
// fallback. F: 16 float32. I: 16 int32. B: 64 bytes = 16 lanes of 4 consecutive weights (a "quad" of 16 rows).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"

// The wide operations stay calls: unrolled 64 bytes at a time into every kernel they take minutes to compile.
#define HQQ_INLINE static inline
#define HQQ_CALL static __attribute__((noinline))
#define HQQ_STEP __attribute__((noinline))

namespace hqq {

struct SimdScalar {
  /// Tokens that the panel GEMM keeps in registers at once.
  static constexpr int kTokenTile = 4;
  /// Tokens of the 8-bit GEMM likewise.
  static constexpr int kInt8Tile = 4;

  struct F {
    float v[16];
  };
  struct I {
    int32_t v[16];
  };
  struct B {
    uint8_t v[64];
  };

  HQQ_INLINE F zero() { return {}; }
  HQQ_INLINE F set1(float v) {
    return each([&](int) { return v; });
  }
  HQQ_INLINE F load(const float* p) {
    return each([&](int i) { return p[i]; });
  }
  HQQ_INLINE void store(float* p, F x) { std::memcpy(p, x.v, sizeof x.v); }
  /// 16 float16 / bfloat16 at any alignment.
  HQQ_CALL F load_f16(const void* p) {
    return each([&](int i) { return f16_to_f32(half(p, i)); });
  }
  HQQ_CALL F load_bf16(const void* p) {
    return each([&](int i) { return bf16_to_f32(half(p, i)); });
  }
  HQQ_INLINE F add(F x, F y) {
    return each([&](int i) { return x.v[i] + y.v[i]; });
  }
  HQQ_INLINE F sub(F x, F y) {
    return each([&](int i) { return x.v[i] - y.v[i]; });
  }
  HQQ_INLINE F mul(F x, F y) {
    return each([&](int i) { return x.v[i] * y.v[i]; });
  }
  HQQ_INLINE F div(F x, F y) {
    return each([&](int i) { return x.v[i] / y.v[i]; });
  }
  HQQ_INLINE F max(F x, F y) {
    return each([&](int i) { return x.v[i] > y.v[i] ? x.v[i] : y.v[i]; });
  }
  HQQ_INLINE F min(F x, F y) {
    return each([&](int i) { return x.v[i] < y.v[i] ? x.v[i] : y.v[i]; });
  }
  /// x*y + z and z - x*y; fused where the hardware fuses.
  HQQ_INLINE F fma(F x, F y, F z) {
    return each([&](int i) { return x.v[i] * y.v[i] + z.v[i]; });
  }
  HQQ_INLINE F fnma(F x, F y, F z) {
    return each([&](int i) { return z.v[i] - x.v[i] * y.v[i]; });
  }
  HQQ_INLINE F abs(F x) {
    return each([&](int i) { return std::fabs(x.v[i]); });
  }
  /// To nearest, ties to even.
  HQQ_INLINE F round(F x) {
    return each([&](int i) { return std::nearbyint(x.v[i]); });
  }
  /// To the nearest float16 / bfloat16 and back.
  HQQ_CALL F round_f16(F x) {
    return each([&](int i) { return f16_to_f32(f32_to_f16(x.v[i])); });
  }
  HQQ_CALL F round_bf16(F x) {
    return each([&](int i) { return bf16_to_f32(f32_to_bf16(x.v[i])); });
  }
  /// 2^n for integral n in [-126, 127].
  HQQ_CALL F exp2_int(F n) {
    return each([&](int i) { return std::ldexp(1.0f, static_cast<int>(n.v[i])); });
  }
  HQQ_INLINE float reduce_add(F x) {
    float sum = 0;
    for (float v : x.v) sum += v;
    return sum;
  }
  HQQ_INLINE float reduce_max(F x) {
    float best = x.v[0];
    for (float v : x.v) best = v > best ? v : best;
    return best;
  }

  HQQ_INLINE I zero_i() { return {}; }
  HQQ_INLINE F to_float(I x) {
    return each([&](int i) { return static_cast<float>(x.v[i]); });
  }
  /// Stores 16 integral floats in [-127, 127] as bytes.
  HQQ_CALL void store_i8(int8_t* p, F x) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(x.v[i]);
  }

  HQQ_INLINE B load_bytes(const uint8_t* p) {
    B out;
    std::memcpy(out.v, p, 64);
    return out;
  }
  HQQ_INLINE void store_bytes(uint8_t* p, B x) { std::memcpy(p, x.v, 64); }
  /// (byte >> Right) & mask, to the left for a negative Right; no bits cross bytes under the masks in use.
  template <int Right>
  HQQ_CALL B field(B x, uint8_t mask) {
    B out;
    for (int i = 0; i < 64; ++i) {
      const int shifted = Right >= 0 ? x.v[i] >> (Right >= 0 ? Right : 0) : x.v[i] << (Right < 0 ? -Right : 0);
      out.v[i] = static_cast<uint8_t>(shifted & mask);
    }
    return out;
  }
  HQQ_INLINE B bit_or(B x, B y) {
    for (int i = 0; i < 64; ++i) x.v[i] |= y.v[i];
    return x;
  }
  /// The J-th of each lane's four bytes.
  template <int J>
  HQQ_CALL F byte_to_float(B x) {
    return each([&](int i) { return static_cast<float>(x.v[4 * i + J]); });
  }
  /// Partial dot products of 8-bit weights and activations, to be widened after at most kPairsPerWiden pairs.
  template <int NBits>
  static constexpr int kPairsPerWiden = 8;
  template <int NBits>
  struct P {
    int32_t v[16];
  };
  template <int NBits>
  HQQ_INLINE P<NBits> zero_partial() {
    return {};
  }
  /// acc[lane] += sum over 8 weights: q0 with x[0..3], q1 with x[4..7]. Weights are below 2^NBits, |x| <= 127.
  template <int NBits>
  HQQ_INLINE void dot_pair(P<NBits>& acc, const B& q0, const B& q1, const int8_t* x) {
    dot_lanes(acc.v, q0, q1, x);
  }
  /// sum += acc; acc = 0
  template <int NBits>
  HQQ_INLINE void widen(I& sum, P<NBits>& acc) {
    for (int i = 0; i < 16; ++i) sum.v[i] += acc.v[i];
    acc = {};
  }
  /// dot[t] = sum over `pairs` pairs of quads, one byte a weight, with T rows of activations.
  template <int NBits, int T>
  HQQ_INLINE void dot_tile(const uint8_t* bytes, int64_t pairs, const int8_t* x, int64_t stride, I (&dot)[T]) {
    for (int t = 0; t < T; ++t) {
      dot[t] = zero_i();
      for (int64_t p = 0; p < pairs; ++p)
        dot_lanes(dot[t].v, load_bytes(bytes + p * 128), load_bytes(bytes + p * 128 + 64), x + t * stride + p * 8);
    }
  }

 private:
  HQQ_CALL void dot_lanes(int32_t (&acc)[16], const B& q0, const B& q1, const int8_t* x) {
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 4; ++j) acc[i] += q0.v[4 * i + j] * x[j] + q1.v[4 * i + j] * x[4 + j];
  }
  template <typename Lane>
  HQQ_INLINE F each(Lane lane) {
    F out;
    for (int i = 0; i < 16; ++i) out.v[i] = lane(i);
    return out;
  }
  HQQ_INLINE uint16_t half(const void* p, int i) {
    uint16_t bits;
    std::memcpy(&bits, static_cast<const char*>(p) + 2 * i, 2);
    return bits;
  }
};

}  // namespace hqq
