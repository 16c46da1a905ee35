#if defined(__aarch64__)
#define HQQ_VECTOR_LANES 4
#include "quant/group_fit_kernels.h"

namespace hqq {
constinit const FitGroup kFitGroupNeon = fit_any;
}
#endif
