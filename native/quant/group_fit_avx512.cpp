#if defined(__x86_64__) || defined(_M_X64)
#define HQQ_VECTOR_LANES 16
#include "quant/group_fit_kernels.h"

namespace hqq {
constinit const FitGroup kFitGroupAvx512 = fit_any;
}
#endif
