// AVX-512 (F, BW, VL, DQ, VNNI) implementation of the 16-lane vectors that cpu/*_impl.h is written in: one register
// each. The operations are listed and explained in cpu/simd_scalar.h. Include only from files compiled for AVX-512.
#pragma once

// GCC 12 reports its own _mm512_undefined_* as uninitialised.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>
#include <cstring>

#include "cpu/unroll.h"

#define HQQ_INLINE static inline __attribute__((always_inline))
// One step of an unrolled loop over a chunk (cpu/linear_impl.h).
#define HQQ_STEP __attribute__((always_inline))

namespace hqq {

struct SimdAvx512 {
  static constexpr int kTokenTile = 12;  // enough independent accumulators to hide the latency of two FMA pipes
  static constexpr int kInt8Tile = 8;

  struct F {
    __m512 a;
  };
  struct I {
    __m512i a;
  };
  struct B {
    __m512i a;
  };

  HQQ_INLINE F zero() { return {_mm512_setzero_ps()}; }
  HQQ_INLINE F set1(float v) { return {_mm512_set1_ps(v)}; }
  HQQ_INLINE F load(const float* p) { return {_mm512_loadu_ps(p)}; }
  HQQ_INLINE void store(float* p, F v) { _mm512_storeu_ps(p, v.a); }
  HQQ_INLINE F load_f16(const void* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)))}; }
  HQQ_INLINE F load_bf16(const void* p) {
    const __m256i h = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
  }
  HQQ_INLINE F add(F x, F y) { return {_mm512_add_ps(x.a, y.a)}; }
  HQQ_INLINE F sub(F x, F y) { return {_mm512_sub_ps(x.a, y.a)}; }
  HQQ_INLINE F mul(F x, F y) { return {_mm512_mul_ps(x.a, y.a)}; }
  HQQ_INLINE F div(F x, F y) { return {_mm512_div_ps(x.a, y.a)}; }
  HQQ_INLINE F max(F x, F y) { return {_mm512_max_ps(x.a, y.a)}; }
  HQQ_INLINE F min(F x, F y) { return {_mm512_min_ps(x.a, y.a)}; }
  HQQ_INLINE F fma(F x, F y, F z) { return {_mm512_fmadd_ps(x.a, y.a, z.a)}; }
  HQQ_INLINE F fnma(F x, F y, F z) { return {_mm512_fnmadd_ps(x.a, y.a, z.a)}; }
  HQQ_INLINE F abs(F x) { return {_mm512_abs_ps(x.a)}; }
  HQQ_INLINE F round(F x) { return {_mm512_roundscale_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  HQQ_INLINE F round_f16(F x) {
    return {_mm512_cvtph_ps(_mm512_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))};
  }
  HQQ_INLINE F round_bf16(F x) {
    const __m512i bits = _mm512_castps_si512(x.a);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    return {_mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
  }
  HQQ_INLINE F exp2_int(F n) {
    return {
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.a), _mm512_set1_epi32(127)), 23))};
  }
  HQQ_INLINE float reduce_add(F x) { return _mm512_reduce_add_ps(x.a); }
  HQQ_INLINE float reduce_max(F x) { return _mm512_reduce_max_ps(x.a); }

  HQQ_INLINE I zero_i() { return {_mm512_setzero_si512()}; }
  HQQ_INLINE F to_float(I x) { return {_mm512_cvtepi32_ps(x.a)}; }
  HQQ_INLINE void store_i8(int8_t* p, F x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.a)));
  }

  HQQ_INLINE B load_bytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  HQQ_INLINE void store_bytes(uint8_t* p, B v) { _mm512_storeu_si512(p, v.a); }
  template <int Right>
  HQQ_INLINE B field(B v, uint8_t mask) {
    const __m512i m = _mm512_set1_epi8(static_cast<char>(mask));
    if constexpr (Right > 0) return {_mm512_and_si512(_mm512_srli_epi16(v.a, Right), m)};
    else if constexpr (Right < 0) return {_mm512_and_si512(_mm512_slli_epi16(v.a, -Right), m)};
    else return {_mm512_and_si512(v.a, m)};
  }
  HQQ_INLINE B bit_or(B x, B y) { return {_mm512_or_si512(x.a, y.a)}; }
  template <int J>
  HQQ_INLINE F byte_to_float(B v) {
    return {_mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(v.a, 8 * J), _mm512_set1_epi32(255)))};
  }
  // VNNI sums straight into 32 bits: a partial sum is an ordinary one.
  template <int NBits>
  static constexpr int kPairsPerWiden = 8;
  template <int NBits>
  struct P {
    __m512i a, b;
  };
  template <int NBits>
  HQQ_INLINE P<NBits> zero_partial() {
    return {_mm512_setzero_si512(), _mm512_setzero_si512()};
  }
  template <int NBits>
  HQQ_INLINE void dot_pair(P<NBits>& acc, B q0, B q1, const int8_t* x) {
    int32_t quad0, quad1;
    std::memcpy(&quad0, x, 4);
    std::memcpy(&quad1, x + 4, 4);
    acc.a = _mm512_dpbusd_epi32(acc.a, q0.a, _mm512_set1_epi32(quad0));
    acc.b = _mm512_dpbusd_epi32(acc.b, q1.a, _mm512_set1_epi32(quad1));
  }
  template <int NBits>
  HQQ_INLINE void widen(I& sum, P<NBits>& acc) {
    sum.a = _mm512_add_epi32(sum.a, _mm512_add_epi32(acc.a, acc.b));
    acc = zero_partial<NBits>();
  }
  template <int NBits, int T>
  HQQ_INLINE void dot_tile(const uint8_t* bytes, int64_t pairs, const int8_t* x, int64_t stride, I (&dot)[T]) {
    __m512i sums[T];
    unroll<T>([&](auto t) HQQ_STEP { sums[t] = _mm512_setzero_si512(); });
    for (int64_t p = 0; p < pairs; ++p) {
      const __m512i q0 = _mm512_loadu_si512(bytes + p * 128), q1 = _mm512_loadu_si512(bytes + p * 128 + 64);
      unroll<T>([&](auto t) HQQ_STEP {
        int32_t quad0, quad1;
        std::memcpy(&quad0, x + t * stride + p * 8, 4);
        std::memcpy(&quad1, x + t * stride + p * 8 + 4, 4);
        sums[t] = _mm512_dpbusd_epi32(sums[t], q0, _mm512_set1_epi32(quad0));
        sums[t] = _mm512_dpbusd_epi32(sums[t], q1, _mm512_set1_epi32(quad1));
      });
    }
    unroll<T>([&](auto t) HQQ_STEP { dot[t].a = sums[t]; });
  }
};

}  // namespace hqq
