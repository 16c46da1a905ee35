#if defined(__aarch64__)
#include <arm_neon.h>

#include "core/dtype_kernels.h"

namespace hqq {

int64_t f16_blocks_to_f32(const void* src, float* dst, int64_t n) {
  const uint8_t* in = static_cast<const uint8_t*>(src);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(in + i * 2));
    vst1q_f32(dst + i, vcvt_f32_f16(vget_low_f16(halves)));
    vst1q_f32(dst + i + 4, vcvt_f32_f16(vget_high_f16(halves)));
  }
  return i;
}

int64_t f32_blocks_to_f16(const float* src, void* dst, int64_t n) {
  uint8_t* out = static_cast<uint8_t*>(dst);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float16x8_t halves =
        vcombine_f16(vcvt_f16_f32(vld1q_f32(src + i)), vcvt_f16_f32(vld1q_f32(src + i + 4)));
    vst1q_u8(out + i * 2, vreinterpretq_u8_f16(halves));
  }
  return i;
}

}  // namespace hqq
#endif
