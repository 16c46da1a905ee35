#pragma once

#include "cuda/ptx.cuh"
#include "cuda/sampling.cuh"

namespace hqq::cuda {

constexpr int kChooseThreads = 1024;

struct Best {
  float value;
  int id;
  __device__ void take(float v, int i) {
    if (v > value || (v == value && i < id)) {
      value = v;
      id = i;
    }
  }
};

__device__ inline Best warp_best(Best best) {
  for (int d = 16; d > 0; d >>= 1)
    best.take(__shfl_xor_sync(0xffffffffu, best.value, d), __shfl_xor_sync(0xffffffffu, best.id, d));
  return best;
}

__device__ inline float penalised(const ChooseArgs& a, float penalty, int id) {
  const float v = a.logits[id];
  if (penalty == 1.0f || !a.seen[id]) return v;
  return v > 0 ? v / penalty : v * penalty;
}

/// Makes `id` the chosen one: state, penalty, host.
__device__ inline void publish(const ChooseArgs& a, int id) {
  if (a.state->penalty != 1.0f) a.seen[id] = 1;
  const int step = a.state->step;
  a.state->token = id;
  a.state->position += 1;
  a.state->step = step + 1;
  __threadfence_system();
  *reinterpret_cast<volatile unsigned long long*>(a.chosen + step % kChosenSlots) =
      static_cast<unsigned long long>(step + 1) << 32 | static_cast<unsigned>(id);
}

__global__ void __launch_bounds__(kChooseThreads) choose_greedy_kernel(const __grid_constant__ ChooseArgs a) {
  __shared__ Best warps[32];
  let_next_kernel_start();
  wait_for_previous_kernel();
  const float penalty = a.state->penalty;
  // NaN compares false: a broken model still yields an id.
  Best best{-INFINITY, 0x7fffffff};
#pragma unroll 8
  for (int i = threadIdx.x; i < a.vocab; i += kChooseThreads) best.take(penalised(a, penalty, i), i);
  best = warp_best(best);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  best = warp_best(warps[threadIdx.x]);
  if (threadIdx.x == 0) publish(a, best.id < a.vocab ? best.id : 0);
}

/// One block per row.
__global__ void __launch_bounds__(256)
    row_losses_kernel(const float* logits, int vocab, const int* targets, float* loss) {
  __shared__ float warps[8];
  const float* row = logits + static_cast<int64_t>(blockIdx.x) * vocab;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float top = -INFINITY;
  for (int i = threadIdx.x; i < vocab; i += 256) top = fmaxf(top, row[i]);
  top = warp_max(top);
  if (lane == 0) warps[warp] = top;
  __syncthreads();
  top = warp_max(warps[lane % 8]);
  __syncthreads();
  float sum = 0;
  for (int i = threadIdx.x; i < vocab; i += 256) sum += expf(row[i] - top);
  sum = warp_sum(sum);
  if (lane == 0) warps[warp] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  sum = 0;
  for (int w = 0; w < 8; ++w) sum += warps[w];
  loss[blockIdx.x] = logf(sum) + top - row[targets[blockIdx.x]];
}

}  // namespace hqq::cuda
