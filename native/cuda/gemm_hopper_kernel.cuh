// Blocks stay for the whole product and take tiles of 128 tokens x 256 rows in turn. One warp group copies: tiles of 64
// columns of both operands, four stages deep, on into the next tile while the last one is being written. Two others
// multiply, 64 tokens each.
#pragma once

#include <cuda.h>

#include "cuda/gemm_hopper.cuh"
#include "cuda/gemm_kernel.cuh"

namespace hqq::cuda {

constexpr int kHopperTokens = 128, kHopperRows = 256, kHopperCols = 64, kHopperStages = 4, kHopperThreads = 384;
constexpr int kHopperXBytes = kHopperTokens * kHopperCols * 2, kHopperWBytes = kHopperRows * kHopperCols * 2;
constexpr int kHopperStageBytes = kHopperXBytes + kHopperWBytes;
/// Stages start at multiples of 1024 bytes, the period of the copy engine's swizzle.
constexpr int kHopperShared = kHopperStages * kHopperStageBytes + 1024 + 2 * kHopperStages * 8;

__device__ inline void barrier_init(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ inline void barrier_expect(uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ inline void barrier_arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ inline void barrier_wait(uint32_t barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra ready;\n"
      "bra again;\n"
      "ready:\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}
__device__ inline void copy_box(uint32_t to, const CUtensorMap* map, int col, int row, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          to),
      "l"(map), "r"(barrier), "r"(col), "r"(row)
      : "memory");
}

/// Rows of 128 bytes, swizzled, eight of them every 1024 bytes.
__device__ inline uint64_t operand(uint32_t shared) {
  return static_cast<uint64_t>(shared >> 4 & 0x3fff) | uint64_t{1} << 16 | uint64_t{64} << 32 | uint64_t{1} << 62;
}

/// c += X (64 x 16) W (256 x 16)^T
template <bool bf16>
__device__ inline void multiply_group(float (&c)[128], uint64_t x, uint64_t w) {
#define HQQ_WGMMA(TYPE)                                                                               \
  asm volatile("{wgmma.mma_async.sync.aligned.m64n256k16.f32." TYPE "." TYPE " {" HQQ_WGMMA_REGISTERS \
               "},"                                                                                   \
               " %128, %129, 1, 1, 1, 0, 0;}"                                                         \
               : HQQ_WGMMA_OPERANDS                                                                   \
               : "l"(x), "l"(w))
#define HQQ_WGMMA_REGISTERS                                                                      \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                       \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "             \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "             \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "             \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "             \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define HQQ_WGMMA_OPERANDS                                                                                            \
  "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]), "+f"(c[8]),         \
      "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]), "+f"(c[16]),          \
      "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), "+f"(c[24]),         \
      "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), "+f"(c[32]),         \
      "+f"(c[33]), "+f"(c[34]), "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]),         \
      "+f"(c[41]), "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]),         \
      "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]), "+f"(c[56]),         \
      "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63]), "+f"(c[64]),         \
      "+f"(c[65]), "+f"(c[66]), "+f"(c[67]), "+f"(c[68]), "+f"(c[69]), "+f"(c[70]), "+f"(c[71]), "+f"(c[72]),         \
      "+f"(c[73]), "+f"(c[74]), "+f"(c[75]), "+f"(c[76]), "+f"(c[77]), "+f"(c[78]), "+f"(c[79]), "+f"(c[80]),         \
      "+f"(c[81]), "+f"(c[82]), "+f"(c[83]), "+f"(c[84]), "+f"(c[85]), "+f"(c[86]), "+f"(c[87]), "+f"(c[88]),         \
      "+f"(c[89]), "+f"(c[90]), "+f"(c[91]), "+f"(c[92]), "+f"(c[93]), "+f"(c[94]), "+f"(c[95]), "+f"(c[96]),         \
      "+f"(c[97]), "+f"(c[98]), "+f"(c[99]), "+f"(c[100]), "+f"(c[101]), "+f"(c[102]), "+f"(c[103]), "+f"(c[104]),    \
      "+f"(c[105]), "+f"(c[106]), "+f"(c[107]), "+f"(c[108]), "+f"(c[109]), "+f"(c[110]), "+f"(c[111]), "+f"(c[112]), \
      "+f"(c[113]), "+f"(c[114]), "+f"(c[115]), "+f"(c[116]), "+f"(c[117]), "+f"(c[118]), "+f"(c[119]), "+f"(c[120]), \
      "+f"(c[121]), "+f"(c[122]), "+f"(c[123]), "+f"(c[124]), "+f"(c[125]), "+f"(c[126]), "+f"(c[127])
  if constexpr (bf16) HQQ_WGMMA("bf16");
  else HQQ_WGMMA("f16");
#undef HQQ_WGMMA
#undef HQQ_WGMMA_REGISTERS
#undef HQQ_WGMMA_OPERANDS
}

template <typename T>
__global__ void __launch_bounds__(kHopperThreads, 1)
    gemm_hopper_kernel(const __grid_constant__ GemmArgs a, const __grid_constant__ CUtensorMap x_map,
                       const __grid_constant__ CUtensorMap w_map) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ unsigned char raw[];
  const uint32_t base = (shared_address(raw) + 1023) & ~1023u;
  const uint32_t full = base + kHopperStages * kHopperStageBytes, empty = full + kHopperStages * 8;
  const int group = threadIdx.x / 128;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kHopperStages; ++i) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, 2);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  wait_for_previous_kernel();
  const int token_tiles = static_cast<int>((a.tokens + kHopperTokens - 1) / kHopperTokens);
  const int tiles = token_tiles * static_cast<int>((a.rows + kHopperRows - 1) / kHopperRows);
  const int steps = static_cast<int>((a.cols + kHopperCols - 1) / kHopperCols);
  int stage = 0, parity = 0;
  const auto next_stage = [&] {
    if (++stage == kHopperStages) {
      stage = 0;
      parity ^= 1;
    }
  };
  if (group == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) {
      for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const int token = tile % token_tiles * kHopperTokens, row = tile / token_tiles * kHopperRows;
        for (int step = 0; step < steps; ++step) {
          barrier_wait(empty + stage * 8, parity ^ 1);
          const uint32_t to = base + stage * kHopperStageBytes;
          barrier_expect(full + stage * 8, kHopperStageBytes);
          copy_box(to, &x_map, step * kHopperCols, token, full + stage * 8);
          copy_box(to + kHopperXBytes, &w_map, step * kHopperCols, row, full + stage * 8);
          next_stage();
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, half = group - 1;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      float c[128];
#pragma unroll
      for (int i = 0; i < 128; ++i) c[i] = 0;
      int before = -1;  // stage whose products may still run
      for (int step = 0; step < steps; ++step) {
        barrier_wait(full + stage * 8, parity);
        const uint32_t x = base + stage * kHopperStageBytes + half * (kHopperXBytes / 2);
        const uint32_t w = base + stage * kHopperStageBytes + kHopperXBytes;
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
        for (int k = 0; k < 4; ++k) multiply_group<!__is_same(T, __half)>(c, operand(x + k * 32), operand(w + k * 32));
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
        if (before >= 0 && threadIdx.x % 128 == 0) barrier_arrive(empty + before * 8);
        before = stage;
        next_stage();
      }
      asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
      if (threadIdx.x % 128 == 0) barrier_arrive(empty + before * 8);
      const int64_t token = tile % token_tiles * kHopperTokens + half * 64 + warp * 16 + lane / 4;
      const int64_t row = static_cast<int64_t>(tile / token_tiles) * kHopperRows + lane % 4 * 2;
      const bool gated = a.mode == GemmOutput::silu;
#pragma unroll
      for (int n = 0; n < kHopperRows / 8; ++n) {
        if (gated && n % 2 == 1) continue;
        const int up = (n | 1) * 4;
        const float mine[4] = {c[4 * n], c[4 * n + 1], c[4 * n + 2], c[4 * n + 3]};
        const float other[4] = {c[up], c[up + 1], c[up + 2], c[up + 3]};
        store_block<T>(a, token, row + n * 8, mine, other);
      }
    }
  }
#endif
}

}  // namespace hqq::cuda
