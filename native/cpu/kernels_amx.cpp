#include "cpu/kernels.h"

namespace hqq {

const Kernels* amx_kernels() { return avx512_kernels(); }

}  // namespace hqq
