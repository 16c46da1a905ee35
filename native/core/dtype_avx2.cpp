#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

#include "core/dtype_kernels.h"

namespace hqq {

int64_t f16_blocks_to_f32(const void* src, float* dst, int64_t n) {
  const char* in = static_cast<const char*>(src);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i * 2))));
  }
  return i;
}

int64_t f32_blocks_to_f16(const float* src, void* dst, int64_t n) {
  char* out = static_cast<char*>(dst);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 2), halves);
  }
  return i;
}

}  // namespace hqq
#endif
