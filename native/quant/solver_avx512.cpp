#if defined(__x86_64__) || defined(_M_X64)
#define HQQ_VECTOR_LANES 16
#include "quant/solver_kernels.h"

namespace hqq {
constinit const SolverKernels kSolverAvx512 = make_solver_kernels();
}
#endif
