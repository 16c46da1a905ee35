// NEON (AArch64 baseline) implementation of the 16-lane vectors that cpu/*_impl.h is written in: four 128-bit registers
// each. The operations are listed and explained in cpu/simd_scalar.h.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "cpu/unroll.h"

#define HQQ_INLINE static inline __attribute__((always_inline))
#define HQQ_STEP __attribute__((always_inline))

namespace hqq {

struct SimdNeon {
  static constexpr int kTokenTile = 4;  // 4 x 4 accumulators of 32 registers
  static constexpr int kInt8Tile = 4;

  struct F {
    float32x4_t v[4];
  };
  struct I {
    int32x4_t v[4];
  };
  struct B {
    uint8x16_t v[4];
  };

  HQQ_INLINE F zero() { return set1(0.0f); }
  HQQ_INLINE F set1(float x) {
    return each([&](auto) HQQ_STEP { return vdupq_n_f32(x); });
  }
  HQQ_INLINE F load(const float* p) {
    return each([&](auto i) HQQ_STEP { return vld1q_f32(p + 4 * i); });
  }
  HQQ_INLINE void store(float* p, F x) {
    unroll<4>([&](auto i) HQQ_STEP { vst1q_f32(p + 4 * i, x.v[i]); });
  }
  HQQ_INLINE F load_f16(const void* p) {
    return each([&](auto i) HQQ_STEP {
      return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(static_cast<const uint8_t*>(p) + 8 * i)));
    });
  }
  HQQ_INLINE F load_bf16(const void* p) {
    return each([&](auto i) HQQ_STEP {
      const uint16x4_t h = vreinterpret_u16_u8(vld1_u8(static_cast<const uint8_t*>(p) + 8 * i));
      return vreinterpretq_f32_u32(vshll_n_u16(h, 16));
    });
  }
  HQQ_INLINE F add(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vaddq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F sub(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vsubq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F mul(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vmulq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F div(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vdivq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F max(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vmaxq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F min(F x, F y) {
    return each([&](auto i) HQQ_STEP { return vminq_f32(x.v[i], y.v[i]); });
  }
  HQQ_INLINE F fma(F x, F y, F z) {
    return each([&](auto i) HQQ_STEP { return vfmaq_f32(z.v[i], x.v[i], y.v[i]); });
  }
  HQQ_INLINE F fnma(F x, F y, F z) {
    return each([&](auto i) HQQ_STEP { return vfmsq_f32(z.v[i], x.v[i], y.v[i]); });
  }
  HQQ_INLINE F abs(F x) {
    return each([&](auto i) HQQ_STEP { return vabsq_f32(x.v[i]); });
  }
  HQQ_INLINE F round(F x) {
    return each([&](auto i) HQQ_STEP { return vrndnq_f32(x.v[i]); });
  }
  HQQ_INLINE F round_f16(F x) {
    return each([&](auto i) HQQ_STEP { return vcvt_f32_f16(vcvt_f16_f32(x.v[i])); });
  }
  HQQ_INLINE F round_bf16(F x) {
    return each([&](auto i) HQQ_STEP {
      const uint32x4_t bits = vreinterpretq_u32_f32(x.v[i]);
      const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
      const uint32x4_t up = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
      return vreinterpretq_f32_u32(vandq_u32(up, vdupq_n_u32(0xffff0000u)));
    });
  }
  HQQ_INLINE F exp2_int(F n) {
    return each([&](auto i) HQQ_STEP {
      return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23));
    });
  }
  HQQ_INLINE float reduce_add(F x) {
    return vaddvq_f32(vaddq_f32(vaddq_f32(x.v[0], x.v[1]), vaddq_f32(x.v[2], x.v[3])));
  }
  HQQ_INLINE float reduce_max(F x) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.v[0], x.v[1]), vmaxq_f32(x.v[2], x.v[3])));
  }

  HQQ_INLINE I zero_i() {
    const int32x4_t z = vdupq_n_s32(0);
    return {{z, z, z, z}};
  }
  HQQ_INLINE F to_float(I x) {
    return each([&](auto i) HQQ_STEP { return vcvtq_f32_s32(x.v[i]); });
  }
  HQQ_INLINE void store_i8(int8_t* p, F x) {
    const int16x8_t low = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.v[0])), vmovn_s32(vcvtnq_s32_f32(x.v[1])));
    const int16x8_t high = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(x.v[2])), vmovn_s32(vcvtnq_s32_f32(x.v[3])));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }

  HQQ_INLINE B load_bytes(const uint8_t* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
  HQQ_INLINE void store_bytes(uint8_t* p, B x) {
    unroll<4>([&](auto i) HQQ_STEP { vst1q_u8(p + 16 * i, x.v[i]); });
  }
  template <int Right>
  HQQ_INLINE B field(B x, uint8_t mask) {
    B out;
    unroll<4>([&](auto i) HQQ_STEP {
      uint8x16_t v = x.v[i];
      if constexpr (Right > 0) v = vshrq_n_u8(v, Right);
      if constexpr (Right < 0) v = vshlq_n_u8(v, -Right);
      out.v[i] = vandq_u8(v, vdupq_n_u8(mask));
    });
    return out;
  }
  HQQ_INLINE B bit_or(B x, B y) {
    unroll<4>([&](auto i) HQQ_STEP { x.v[i] = vorrq_u8(x.v[i], y.v[i]); });
    return x;
  }
  template <int J>
  HQQ_INLINE F byte_to_float(B x) {
    return each([&](auto i) HQQ_STEP {
      uint32x4_t words = vreinterpretq_u32_u8(x.v[i]);
      if constexpr (J > 0) words = vshrq_n_u32(words, 8 * J);
      return vcvtq_f32_u32(vandq_u32(words, vdupq_n_u32(255)));
    });
  }

  template <int NBits>
  static constexpr int kPairsPerWiden = 8;
  template <int NBits>
  struct P {
    int32x4_t v[4];
  };
  template <int NBits>
  HQQ_INLINE P<NBits> zero_partial() {
    const int32x4_t z = vdupq_n_s32(0);
    return {{z, z, z, z}};
  }
  template <int NBits>
  HQQ_INLINE void dot_pair(P<NBits>& acc, B q0, B q1, const int8_t* x) {
    add_pair<NBits>(acc.v, q0, q1, x);
  }
  template <int NBits>
  HQQ_INLINE void widen(I& sum, P<NBits>& acc) {
    unroll<4>([&](auto i) HQQ_STEP { sum.v[i] = vaddq_s32(sum.v[i], acc.v[i]); });
    acc = zero_partial<NBits>();
  }
  template <int NBits, int T>
  HQQ_INLINE void dot_tile(const uint8_t* bytes, int64_t pairs, const int8_t* x, int64_t stride, I (&dot)[T]) {
    unroll<T>([&](auto t) HQQ_STEP { dot[t] = zero_i(); });
    for (int64_t p = 0; p < pairs; ++p) {
      const B q0 = load_bytes(bytes + p * 128), q1 = load_bytes(bytes + p * 128 + 64);
      unroll<T>([&](auto t) HQQ_STEP { add_pair<NBits>(dot[t].v, q0, q1, x + t * stride + p * 8); });
    }
  }

 private:
  template <typename Lane>
  HQQ_INLINE F each(Lane&& lane) {
    F out;
    unroll<4>([&](auto i) HQQ_STEP { out.v[i] = lane(i); });
    return out;
  }
  HQQ_INLINE int8x8_t quad(const int8_t* x) {
    int32_t word;
    std::memcpy(&word, x, 4);
    return vreinterpret_s8_s32(vdup_n_s32(word));
  }
  /// 16-bit products of 4 rows x 4 columns, neighbouring columns added: [row 0: 2 sums, row 1: 2 sums, ...].
  HQQ_INLINE int16x8_t row_sums(uint8x16_t q, int8x8_t x) {
    const int8x16_t s = vreinterpretq_s8_u8(q);
    return vpaddq_s16(vmull_s8(vget_low_s8(s), x), vmull_s8(vget_high_s8(s), x));
  }
  template <int NBits>
  HQQ_INLINE void add_pair(int32x4_t (&acc)[4], B q0, B q1, const int8_t* x) {
    const int8x8_t x0 = quad(x), x1 = quad(x + 4);
    unroll<4>([&](auto i) HQQ_STEP {
      if constexpr (NBits < 8) {
        acc[i] = vpadalq_s16(acc[i], row_sums(q0.v[i], x0));
        acc[i] = vpadalq_s16(acc[i], row_sums(q1.v[i], x1));
      } else {
        // Bytes above 127 are not signed 8-bit: two nibbles, the high one's sum times 16.
        const uint8x16_t m = vdupq_n_u8(15);
        acc[i] = vpadalq_s16(acc[i], row_sums(vandq_u8(q0.v[i], m), x0));
        acc[i] = vpadalq_s16(acc[i], row_sums(vandq_u8(q1.v[i], m), x1));
        int32x4_t high = vpaddlq_s16(row_sums(vshrq_n_u8(q0.v[i], 4), x0));
        high = vpadalq_s16(high, row_sums(vshrq_n_u8(q1.v[i], 4), x1));
        acc[i] = vaddq_s32(acc[i], vshlq_n_s32(high, 4));
      }
    });
  }
};

}  // namespace hqq
