#include "cuda/rows.cuh"

#include "cuda/rows_kernel.cuh"

namespace hqq::cuda {

void embed(const TiledView& table, const int* ids, int tokens, float* hidden, const Target& target) {
  launch(embed_kernel, dim3(static_cast<unsigned>(tokens)), dim3(256), 0, target, table, ids, hidden);
}

void gate(const float* gate_values, const float* up, int64_t n, void* out, bool out_float, const Target& target) {
  launch(gate_kernel, dim3(static_cast<unsigned>((n + 255) / 256)), dim3(256), 0, target, gate_values, up, n, out,
         out_float);
}

void rms_norm(const float* x, const float* weight, float epsilon, int tokens, int cols, void* y, bool bf16,
              const Target& target) {
  const dim3 grid(static_cast<unsigned>(tokens)), block(256);
  if (bf16)
    launch(rms_norm_kernel<__nv_bfloat16>, grid, block, 0, target, x, weight, epsilon, cols,
           static_cast<__nv_bfloat16*>(y));
  else launch(rms_norm_kernel<__half>, grid, block, 0, target, x, weight, epsilon, cols, static_cast<__half*>(y));
}

void narrow(const float* x, int64_t n, void* y, bool bf16, const Target& target) {
  const dim3 grid(static_cast<unsigned>((n + 255) / 256)), block(256);
  if (bf16) launch(narrow_kernel<__nv_bfloat16>, grid, block, 0, target, x, n, static_cast<__nv_bfloat16*>(y));
  else launch(narrow_kernel<__half>, grid, block, 0, target, x, n, static_cast<__half*>(y));
}

}  // namespace hqq::cuda
