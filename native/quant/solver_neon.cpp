#if defined(__aarch64__)
#define HQQ_VECTOR_LANES 4
#include "quant/solver_kernels.h"

namespace hqq {
constinit const SolverKernels kSolverNeon = make_solver_kernels();
}
#endif
