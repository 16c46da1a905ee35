// AVX2 + FMA + F16C implementation of the 16-lane vectors that cpu/*_impl.h is written in. Every type is two 256-bit
// halves. The operations are listed and explained in cpu/simd_scalar.h. Include only from files compiled for AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/unroll.h"

#define HQQ_INLINE static inline __attribute__((always_inline))
// One step of an unrolled loop over a chunk (cpu/linear_impl.h).
#define HQQ_STEP __attribute__((always_inline))

namespace hqq {

struct SimdAvx2 {
  static constexpr int kTokenTile = 6;  // 6 x 2 accumulators + 2 panel registers + 1 broadcast of 16 ymm
  static constexpr int kInt8Tile = 4;

  struct F {
    __m256 a, b;
  };
  struct I {
    __m256i a, b;
  };
  struct B {
    __m256i a, b;
  };

  HQQ_INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  HQQ_INLINE F set1(float v) { return {_mm256_set1_ps(v), _mm256_set1_ps(v)}; }
  HQQ_INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  HQQ_INLINE void store(float* p, F v) {
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
  }
  HQQ_INLINE F load_f16(const void* p) {
    const __m128i* h = static_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1))};
  }
  HQQ_INLINE F load_bf16(const void* p) {
    const __m128i* h = static_cast<const __m128i*>(p);
    return {widen_bf16(_mm_loadu_si128(h)), widen_bf16(_mm_loadu_si128(h + 1))};
  }
  HQQ_INLINE F add(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  HQQ_INLINE F sub(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  HQQ_INLINE F mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  HQQ_INLINE F div(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  HQQ_INLINE F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  HQQ_INLINE F min(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  HQQ_INLINE F fma(F x, F y, F z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  HQQ_INLINE F fnma(F x, F y, F z) { return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)}; }
  HQQ_INLINE F abs(F x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
  }
  HQQ_INLINE F round(F x) {
    constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(x.a, nearest), _mm256_round_ps(x.b, nearest)};
  }
  HQQ_INLINE F round_f16(F x) {
    return {_mm256_cvtph_ps(_mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT)),
            _mm256_cvtph_ps(_mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT))};
  }
  HQQ_INLINE F round_bf16(F x) { return {round_bf16_half(x.a), round_bf16_half(x.b)}; }
  HQQ_INLINE F exp2_int(F n) { return {exp2_half(n.a), exp2_half(n.b)}; }
  HQQ_INLINE float reduce_add(F x) {
    const __m256 s = _mm256_add_ps(x.a, x.b);
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
  }
  HQQ_INLINE float reduce_max(F x) {
    const __m256 s = _mm256_max_ps(x.a, x.b);
    __m128 h = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
  }

  HQQ_INLINE I zero_i() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  HQQ_INLINE F to_float(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
  HQQ_INLINE void store_i8(int8_t* p, F x) {
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
    const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
  }

  HQQ_INLINE B load_bytes(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  HQQ_INLINE void store_bytes(uint8_t* p, B v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), v.b);
  }
  template <int Right>
  HQQ_INLINE B field(B v, uint8_t mask) {
    return {field_half<Right>(v.a, mask), field_half<Right>(v.b, mask)};
  }
  HQQ_INLINE B bit_or(B x, B y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
  template <int J>
  HQQ_INLINE F byte_to_float(B v) {
    const __m256i m = _mm256_set1_epi32(255);
    return {_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(v.a, 8 * J), m)),
            _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(v.b, 8 * J), m))};
  }
  // Products of a chunk are summed in 16 bits first. A pair of quads adds at most 4 * q * 127 to a sum, so this many
  // pairs fit below 2^15 before they must be widened. 8-bit weights go as two nibbles, the high ones' sum weighted by
  // 16 in the end.
  template <int NBits>
  static constexpr int kPairsPerWiden = NBits <= 3   ? 8
                                        : NBits == 4 ? 4
                                        : NBits == 5 ? 2
                                        : NBits == 6 ? 1
                                                     : 4;
  template <int NBits>
  struct P {
    __m256i a, b, high_a, high_b;
  };
  template <int NBits>
  HQQ_INLINE P<NBits> zero_partial() {
    const __m256i z = _mm256_setzero_si256();
    return {z, z, z, z};
  }
  template <int NBits>
  HQQ_INLINE void dot_pair(P<NBits>& acc, B q0, B q1, const int8_t* x) {
    int32_t quad0, quad1;
    std::memcpy(&quad0, x, 4);
    std::memcpy(&quad1, x + 4, 4);
    const __m256i x0 = _mm256_set1_epi32(quad0), x1 = _mm256_set1_epi32(quad1);
    if constexpr (NBits < 8) {
      acc.a = _mm256_add_epi16(acc.a, products(q0.a, q1.a, x0, x1));
      acc.b = _mm256_add_epi16(acc.b, products(q0.b, q1.b, x0, x1));
    } else {
      acc.a = _mm256_add_epi16(acc.a, products(field_half<0>(q0.a, 15), field_half<0>(q1.a, 15), x0, x1));
      acc.b = _mm256_add_epi16(acc.b, products(field_half<0>(q0.b, 15), field_half<0>(q1.b, 15), x0, x1));
      acc.high_a = _mm256_add_epi16(acc.high_a, products(field_half<4>(q0.a, 15), field_half<4>(q1.a, 15), x0, x1));
      acc.high_b = _mm256_add_epi16(acc.high_b, products(field_half<4>(q0.b, 15), field_half<4>(q1.b, 15), x0, x1));
    }
  }
  template <int NBits>
  HQQ_INLINE void widen(I& sum, P<NBits>& acc) {
    const __m256i ones = _mm256_set1_epi16(1), sixteens = _mm256_set1_epi16(16);
    sum.a = _mm256_add_epi32(sum.a, _mm256_madd_epi16(acc.a, ones));
    sum.b = _mm256_add_epi32(sum.b, _mm256_madd_epi16(acc.b, ones));
    if constexpr (NBits == 8) {
      sum.a = _mm256_add_epi32(sum.a, _mm256_madd_epi16(acc.high_a, sixteens));
      sum.b = _mm256_add_epi32(sum.b, _mm256_madd_epi16(acc.high_b, sixteens));
    }
    acc = zero_partial<NBits>();
  }
  // One half of the rows at a time, so that four tokens keep their 16- and 32-bit sums in registers.
  template <int NBits, int T>
  HQQ_INLINE void dot_tile(const uint8_t* bytes, int64_t pairs, const int8_t* x, int64_t stride, I (&dot)[T]) {
    dot_tile_half<NBits, T>(bytes, pairs, x, stride, [&](auto t, __m256i sum) HQQ_STEP { dot[t].a = sum; });
    dot_tile_half<NBits, T>(bytes + 32, pairs, x, stride, [&](auto t, __m256i sum) HQQ_STEP { dot[t].b = sum; });
  }

 private:
  HQQ_INLINE __m256 widen_bf16(__m128i h) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
  }
  HQQ_INLINE __m256 round_bf16_half(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    return _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  HQQ_INLINE __m256 exp2_half(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
  }
  template <int Right>
  HQQ_INLINE __m256i shift(__m256i v) {
    if constexpr (Right > 0) return _mm256_srli_epi16(v, Right);
    else if constexpr (Right < 0) return _mm256_slli_epi16(v, -Right);
    else return v;
  }
  template <int Right>
  HQQ_INLINE __m256i field_half(__m256i v, uint8_t mask) {
    return _mm256_and_si256(shift<Right>(v), _mm256_set1_epi8(static_cast<char>(mask)));
  }
  HQQ_INLINE __m256i products(__m256i q0, __m256i q1, __m256i x0, __m256i x1) {
    return _mm256_add_epi16(_mm256_maddubs_epi16(q0, x0), _mm256_maddubs_epi16(q1, x1));
  }
  template <int NBits, int T, typename Store>
  HQQ_INLINE void dot_tile_half(const uint8_t* bytes, int64_t pairs, const int8_t* x, int64_t stride, Store&& store) {
    constexpr int64_t kWiden = kPairsPerWiden<NBits>;
    __m256i sums[T];
    unroll<T>([&](auto t) HQQ_STEP { sums[t] = _mm256_setzero_si256(); });
    for (int64_t start = 0; start < pairs; start += kWiden) {
      __m256i low[T], high[T];
      unroll<T>([&](auto t) HQQ_STEP {
        low[t] = _mm256_setzero_si256();
        high[t] = _mm256_setzero_si256();
      });
      const int64_t stop = start + kWiden < pairs ? start + kWiden : pairs;
      for (int64_t p = start; p < stop; ++p) {
        const __m256i* q = reinterpret_cast<const __m256i*>(bytes + p * 128);
        const __m256i q0 = _mm256_loadu_si256(q), q1 = _mm256_loadu_si256(q + 2);
        unroll<T>([&](auto t) HQQ_STEP {
          int32_t quad0, quad1;
          std::memcpy(&quad0, x + t * stride + p * 8, 4);
          std::memcpy(&quad1, x + t * stride + p * 8 + 4, 4);
          const __m256i x0 = _mm256_set1_epi32(quad0), x1 = _mm256_set1_epi32(quad1);
          if constexpr (NBits < 8) {
            low[t] = _mm256_add_epi16(low[t], products(q0, q1, x0, x1));
          } else {
            low[t] = _mm256_add_epi16(low[t], products(field_half<0>(q0, 15), field_half<0>(q1, 15), x0, x1));
            high[t] = _mm256_add_epi16(high[t], products(field_half<4>(q0, 15), field_half<4>(q1, 15), x0, x1));
          }
        });
      }
      unroll<T>([&](auto t) HQQ_STEP {
        sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(low[t], _mm256_set1_epi16(1)));
        if constexpr (NBits == 8)
          sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(high[t], _mm256_set1_epi16(16)));
      });
    }
    unroll<T>([&](auto t) HQQ_STEP { store(t, sums[t]); });
  }
};

}  // namespace hqq
