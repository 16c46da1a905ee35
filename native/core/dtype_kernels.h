// Hardware conversions between float16 and float32, bit-identical to the scalar ones in core/dtype.h. One definition per
// architecture (dtype_avx2.cpp, dtype_neon.cpp); called only when the active level is above scalar.
#pragma once

#include <cstdint>

namespace hqq {

// Each converts whole blocks of 8 and returns how many elements it has done; the caller finishes the rest.
int64_t f16_blocks_to_f32(const void* src, float* dst, int64_t n);
int64_t f32_blocks_to_f16(const float* src, void* dst, int64_t n);

}  // namespace hqq
