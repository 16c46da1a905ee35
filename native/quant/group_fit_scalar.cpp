#define HQQ_VECTOR_LANES 4
#include "quant/group_fit_kernels.h"

namespace hqq {
constinit const FitGroup kFitGroupScalar = fit_any;
}
