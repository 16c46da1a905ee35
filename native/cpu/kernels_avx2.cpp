#include "cpu/kernels.h"

#if defined(__AVX2__)
#include "cpu/simd_avx2.h"
#include "cpu/table_impl.h"
#endif

namespace hqq {

const Kernels* avx2_kernels() {
#if defined(__AVX2__)
  static constexpr Kernels table = make_kernels<SimdAvx2>();
  return &table;
#else
  return nullptr;
#endif
}

}  // namespace hqq
