#include "cuda/flash.cuh"

#include "cuda/flash_kernel.cuh"

namespace hqq::cuda {
namespace {

template <int dim>
void launch_dim(const AttentionArgs& args, const Target& target) {
  const dim3 grid(static_cast<unsigned>((args.tokens + kFlashQueries - 1) / kFlashQueries),
                  static_cast<unsigned>(args.heads));
  launch(flash_kernel<dim>, grid, dim3(kFlashThreads), flash_shared(dim), target, args);
}

}  // namespace

bool can_flash(const AttentionArgs& args) {
  const int dim = args.head_dim;
  return !args.cache.is_float && (dim == 64 || dim == 80 || dim == 96 || dim == 128 || dim == 256);
}

void flash(const AttentionArgs& args, const Target& target) {
  switch (args.head_dim) {
    case 64: return launch_dim<64>(args, target);
    case 80: return launch_dim<80>(args, target);
    case 96: return launch_dim<96>(args, target);
    case 128: return launch_dim<128>(args, target);
    case 256: return launch_dim<256>(args, target);
    default: throw EngineError(ErrorCode::internal, "flash: no kernel for this size of head");
  }
}

}  // namespace hqq::cuda
