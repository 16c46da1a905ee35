#include "cpu/kernels.h"

#if defined(__AVX512VNNI__)
#include "cpu/simd_avx512.h"
#include "cpu/table_impl.h"
#endif

namespace hqq {

const Kernels* avx512_kernels() {
#if defined(__AVX512VNNI__)
  static constexpr Kernels table = make_kernels<SimdAvx512>();
  return &table;
#else
  return nullptr;
#endif
}

}  // namespace hqq
