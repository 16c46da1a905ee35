#include "cuda/tables.h"

namespace hqq::cuda {

HqqCudaModelApi model_table() { return {}; }

}  // namespace hqq::cuda
