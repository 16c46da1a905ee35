#define HQQ_VECTOR_LANES 4
#include "quant/solver_kernels.h"

namespace hqq {
constinit const SolverKernels kSolverScalar = make_solver_kernels();
}
