#include "cpu/simd_scalar.h"
#include "cpu/table_impl.h"

namespace hqq {

const Kernels* scalar_kernels() {
  static constexpr Kernels table = make_kernels<SimdScalar>();
  return &table;
}

}  // namespace hqq
