#include "cuda/repack.cuh"

#include "cuda/repack_kernel.cuh"

namespace hqq::cuda {
namespace {

constexpr int kThreads = 256;

int row_tiles_of(int64_t rows, const Placement& at) {
  const int64_t per_tile = at.half == TileHalf::whole ? 16 : 8;
  return static_cast<int>((rows + per_tile - 1) / per_tile);
}

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

template <typename Source>
void repack(const TiledView& w, uint8_t* quants, const Source& source, int64_t rows, int64_t cols, const Placement& at,
            const Target& target) {
  const int row_tiles = row_tiles_of(rows, at);
  const int64_t words = static_cast<int64_t>(row_tiles) * w.units * unit_bytes(w.nbits) / 4;
  repack_kernel<<<blocks_for(words), kThreads, 0, target.stream>>>(w, quants, source, rows, cols, at, row_tiles);
  HQQ_CUDA_CHECK(cudaGetLastError());
}

}  // namespace

void repack_quants(const TiledView& w, uint8_t* quants, const StoredQuants& from, const Placement& at,
                   const Target& target) {
  repack(w, quants, QuantSource{from}, from.rows, from.cols, at, target);
}

void repack_meta(const TiledView& w, void* meta, const StoredMeta& from, int64_t rows, const Placement& at,
                 DType compute, const Target& target) {
  const int row_tiles = row_tiles_of(rows, at);
  repack_meta_kernel<<<blocks_for(static_cast<int64_t>(row_tiles) * w.entries * 16), kThreads, 0, target.stream>>>(
      w, meta, from, rows, at, compute, row_tiles);
  HQQ_CUDA_CHECK(cudaGetLastError());
}

void repack_dense(const TiledView& w, uint8_t* quants, const StoredDense& from, const Placement& at,
                  const Target& target) {
  repack(w, quants, DenseSource{from}, from.rows, from.cols, at, target);
}

void repack_dequantized(const TiledView& w, uint8_t* quants, const StoredQuants& from, const StoredMeta& meta,
                        const Placement& at, DType compute, const Target& target) {
  repack(w, quants, DequantizedSource{from, meta, compute}, from.rows, from.cols, at, target);
}

template <typename Out>
void expand_to(const TiledView& w, int first, int count, Out* out, const Target& target) {
  const unsigned blocks = blocks_for(static_cast<int64_t>(count) * w.units * 32);
  switch (w.nbits) {
    case 8: return launch(expand_kernel<8, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 6: return launch(expand_kernel<6, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 5: return launch(expand_kernel<5, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 4: return launch(expand_kernel<4, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 3: return launch(expand_kernel<3, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 2: return launch(expand_kernel<2, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    case 1: return launch(expand_kernel<1, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
    default:
      return launch(expand_kernel<kDenseBits, Out>, dim3(blocks), dim3(kThreads), 0, target, w, first, count, out);
  }
}

void expand(const TiledView& w, int first, int count, void* out, bool bf16, const Target& target) {
  if (bf16) expand_to(w, first, count, static_cast<__nv_bfloat16*>(out), target);
  else expand_to(w, first, count, static_cast<__half*>(out), target);
}

}  // namespace hqq::cuda
