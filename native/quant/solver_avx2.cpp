#if defined(__x86_64__) || defined(_M_X64)
#define HQQ_VECTOR_LANES 8
#include "quant/solver_kernels.h"

namespace hqq {
constinit const SolverKernels kSolverAvx2 = make_solver_kernels();
}
#endif
