#include "cuda/tables.h"

namespace hqq::cuda {

HqqCudaQuantizeApi quantize_table() { return {}; }

}  // namespace hqq::cuda
