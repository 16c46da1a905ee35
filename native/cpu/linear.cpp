#include "cpu/linear.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

constexpr int64_t kPanelCols = 256;         // 16 KiB of float32 panel: half of a level-1 cache
constexpr int64_t kMinTileTokens = 9;       // fewer leave more than half of a 16-row matrix tile empty
constexpr int64_t kClassBlocksPerUnit = 4;  // axis 0: blocks that share one pass over the activations

/// A contiguous run of parallel work inside one call.
struct Region {
  const LinearCall* call;
  int64_t first_unit, units;
  bool classes;  // units are runs of blocks of one class (axis 0, 8-bit), else single blocks
};

int64_t class_units(const TiledWeights& w) {
  return w.classes * ((w.class_blocks + kClassBlocksPerUnit - 1) / kClassBlocksPerUnit);
}

/// Moves a [tokens][16] result of one block to where its rows belong, adding the bias.
void write_block(const LinearCall& call, int64_t block, const float* c, int64_t tokens) {
  const Linear& layer = *call.layer;
  const float* bias = layer.bias();
  const TiledWeights* tiled = layer.tiled();
  if (tiled && tiled->axis == 0) {
    for (int64_t lane = 0; lane < kBlockRows; ++lane) {
      const int64_t row = tiled->row_of(block, lane);
      if (row < 0) continue;
      for (int64_t t = 0; t < tokens; ++t) call.row(t)[row] = c[t * 16 + lane] + (bias ? bias[row] : 0.0f);
    }
    return;
  }
  const int64_t row = block * kBlockRows, n = std::min(kBlockRows, layer.out() - row);
  for (int64_t t = 0; t < tokens; ++t) {
    float* y = call.row(t) + row;
    for (int64_t i = 0; i < n; ++i) y[i] = c[t * 16 + i] + (bias ? bias[row + i] : 0.0f);
  }
}

/// One block over float32 panels; with `tiles`, panel and activations go through bfloat16 tiles.
void panel_block(const Kernels& k, const LinearCall& call, int64_t block, const float* x, int64_t tokens,
                 const Bf16Rows* tiles) {
  const Linear& layer = *call.layer;
  alignas(64) float panel[kPanelCols * 16];
  alignas(64) float c[kMaxBatchTokens * 16];
  for (int64_t k0 = 0; k0 < layer.in(); k0 += kPanelCols) {
    const int64_t cols = std::min(kPanelCols, layer.in() - k0);
    if (layer.tiled()) k.tiled_panel(*layer.tiled(), block, k0, cols, panel);
    else k.dense_panel(layer.rows(), block * kBlockRows, k0, cols, panel);
    if (tiles) k.tile_gemm(*tiles, k0, tokens, panel, cols, c, k0 > 0);
    else k.panel_gemm(x + k0, layer.in(), tokens, panel, 16, cols, c, 16, k0 > 0);
  }
  write_block(call, block, c, tokens);
}

void dense_vector_block(const Kernels& k, const LinearCall& call, int64_t block, const float* x) {
  const Linear& layer = *call.layer;
  const int64_t begin = block * kBlockRows, end = std::min(begin + kBlockRows, layer.out());
  k.dense_gemv(layer.rows(), x, begin, end, call.y);
  if (const float* bias = layer.bias())
    for (int64_t r = begin; r < end; ++r) call.y[r] += bias[r];
}

void eight_bit_block(const Kernels& k, const LinearCall& call, int64_t block, const QuantizedRows& x, int64_t tokens) {
  alignas(64) float c[kMaxBatchTokens * 16];
  k.tiled_gemm(*call.layer->tiled(), x, tokens, block, c);
  write_block(call, block, c, tokens);
}

/// axis 0, one token: the activations of a class are scaled and rounded once for up to 4 blocks.
void class_unit(const Kernels& k, const LinearCall& call, int64_t unit, const float* x) {
  const TiledWeights& w = *call.layer->tiled();
  const int64_t per_class = (w.class_blocks + kClassBlocksPerUnit - 1) / kClassBlocksPerUnit;
  const int64_t cls = unit / per_class, first = unit % per_class * kClassBlocksPerUnit;
  const int64_t padded = w.chunks * kChunkCols;
  thread_local std::vector<int8_t> q;
  thread_local std::vector<float> scales;
  q.resize(static_cast<size_t>(padded));
  scales.resize(static_cast<size_t>(w.chunks));
  const QuantizedRows row{q.data(), scales.data(), nullptr, padded};
  const float offset = k.scale_for_class(w, cls, x, row);
  for (int64_t b = first; b < std::min(first + kClassBlocksPerUnit, w.class_blocks); ++b) {
    alignas(64) float c[16];
    k.class_gemv(w, row, cls * w.class_blocks + b, c);
    for (float& value : c) value -= offset;
    write_block(call, cls * w.class_blocks + b, c, 1);
  }
}

}  // namespace

Linear Linear::dense(const TensorView& weight, std::shared_ptr<const void> keep, Buffer bias) {
  Linear layer;
  layer.out_ = weight.shape.at(0);
  layer.in_ = weight.shape.at(1);
  layer.rows_ = {static_cast<const std::byte*>(weight.data), weight.dtype, layer.out_, layer.in_};
  layer.keep_ = std::move(keep);
  layer.bias_ = std::move(bias);
  return layer;
}

Linear Linear::quantized(const QuantizedTensor& tensor, DType compute_dtype, Buffer bias) {
  Linear layer;
  layer.out_ = tensor.shape.at(0);
  layer.in_ = tensor.shape.at(1);
  layer.bias_ = std::move(bias);
  layer.tiled_ = tile_weights(tensor, compute_dtype);
  if (layer.tiled_) return layer;
  auto values = std::make_shared<Buffer>(layer.out_ * layer.in_ * size_of(compute_dtype), MemoryUse::weights);
  dequantize(tensor, compute_dtype, values->data());
  layer.rows_ = {values->data(), compute_dtype, layer.out_, layer.in_};
  layer.keep_ = std::move(values);
  return layer;
}

int64_t Linear::weight_bytes() const { return tiled_ ? tiled_->quants.bytes() : out_ * in_ * size_of(rows_.dtype); }

void Linear::read_row(int64_t r, float* out) const {
  if (tiled_) read_tiled_row(*tiled_, r, out);
  else to_f32(rows_.row(r), rows_.dtype, out, in_);
}

ActivationScratch::ActivationScratch(int64_t max_in) {
  const int64_t padded = (max_in + kChunkCols - 1) / kChunkCols * kChunkCols;
  q_ = Buffer(kMaxBatchTokens * padded, MemoryUse::scratch);
  scale_ = Buffer(kMaxBatchTokens * (padded / kChunkCols) * 4, MemoryUse::scratch);
  prefix_ = Buffer(kMaxBatchTokens * (padded / 8 + 1) * 4, MemoryUse::scratch);
  if (available_simd_levels().back() == SimdLevel::amx)
    bf16_ = Buffer(kMaxBatchTokens * padded * 2, MemoryUse::scratch);
}

Bf16Rows ActivationScratch::bf16_rows(int64_t in) const { return {bf16_.as<uint16_t>(), (in + 31) / 32 * 32}; }

QuantizedRows ActivationScratch::rows(int64_t in) const {
  return {q_.as<int8_t>(), scale_.as<float>(), prefix_.as<int32_t>(), (in + kChunkCols - 1) / kChunkCols * kChunkCols};
}

void run_linear(std::span<const LinearCall> calls, const float* x, int64_t tokens, bool eight_bit,
                const ActivationScratch& scratch, const Reporter& reporter) {
  const Kernels& k = kernels();
  std::vector<Region> regions;
  int64_t units = 0, bytes = 0;
  bool needs_rows = false, needs_tiles = false;
  const int64_t in = calls.front().layer->in();
  const bool use_tiles = eight_bit && k.tile_gemm && tokens >= kMinTileTokens;
  for (const LinearCall& call : calls) {
    const TiledWeights* tiled = call.layer->tiled();
    const bool classes = eight_bit && tokens == 1 && tiled && tiled->axis == 0;
    needs_rows |= eight_bit && tiled && tiled->axis == 1 && !use_tiles;
    needs_tiles |= use_tiles && tiled;
    const int64_t count = classes ? class_units(*tiled) : call.layer->blocks();
    regions.push_back({&call, units, count, classes});
    units += count;
    bytes += call.layer->weight_bytes();
  }
  const QuantizedRows rows = scratch.rows(in);
  const Bf16Rows tiles = scratch.bf16_rows(in);
  if (needs_rows || needs_tiles)
    parallel_for(tokens, 8, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        if (needs_rows) k.quantize_row(x + t * in, in, rows.row(t));
        if (needs_tiles) k.bf16_row(x + t * in, in, tiles.row(t));
      }
    });
  // One token: chunks of about 32 KiB of weights, so that claiming a chunk costs little beside streaming it.
  const int64_t grain = tokens > 1 ? 1
                                   : std::clamp<int64_t>(32768 * units / std::max<int64_t>(bytes, 1), 1,
                                                         std::max<int64_t>(units / 16, 1));
  parallel_for(units, grain, [&](int64_t begin, int64_t end) {
    size_t at = 0;
    for (int64_t u = begin; u < end; ++u) {
      if (tokens > 1 && reporter.cancelled()) throw EngineError(ErrorCode::cancelled, "cancelled");
      while (u >= regions[at].first_unit + regions[at].units) ++at;
      const Region& region = regions[at];
      const int64_t unit = u - region.first_unit;
      const TiledWeights* tiled = region.call->layer->tiled();
      if (region.classes) class_unit(k, *region.call, unit, x);
      else if (tiled && tiled->axis == 1 && eight_bit && !use_tiles)
        eight_bit_block(k, *region.call, unit, rows, tokens);
      else if (!tiled && tokens == 1) dense_vector_block(k, *region.call, unit, x);
      else panel_block(k, *region.call, unit, x, tokens, use_tiles && tiled ? &tiles : nullptr);
    }
  });
}

}  // namespace hqq
