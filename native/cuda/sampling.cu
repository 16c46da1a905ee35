#include "cuda/sampling.cuh"

#include "cuda/sampling_kernel.cuh"

namespace hqq::cuda {

void choose_greedy(const ChooseArgs& args, const Target& target) {
  launch(choose_greedy_kernel, dim3(1), dim3(kChooseThreads), 0, target, args);
}

void row_losses(const float* logits, int rows, int vocab, const int* targets, float* loss, const Target& target) {
  row_losses_kernel<<<static_cast<unsigned>(rows), 256, 0, target.stream>>>(logits, vocab, targets, loss);
  HQQ_CUDA_CHECK(cudaGetLastError());
}

}  // namespace hqq::cuda
