#include "quant/finish.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "quant/chunks.h"
#include "quant/meta.h"
#include "quant/solver.h"

namespace hqq {
namespace {

/// Error totals of one chunk, summed over chunks in order.
struct ErrorTotals {
  double abs_error = 0, sq_error = 0, abs_weight = 0, max_error = 0;

  void add(const ErrorLanes& lanes) {
    for (int i = 0; i < kTileLanes; ++i) {
      abs_error += static_cast<double>(lanes.abs_error[i]);
      sq_error += static_cast<double>(lanes.sq_error[i]);
      abs_weight += static_cast<double>(lanes.abs_weight[i]);
      max_error = std::max(max_error, static_cast<double>(lanes.max_error[i]));
    }
  }
  void add(const ErrorTotals& other) {
    abs_error += other.abs_error;
    sq_error += other.sq_error;
    abs_weight += other.abs_weight;
    max_error = std::max(max_error, other.max_error);
  }
};

/// The integers of one matrix under given affine maps.
class FinalPass {
 public:
  FinalPass(const WeightReader& weights, const Grouping& view, int nbits, const GroupMaps& maps, const Reporter& reporter)
      : weights_(weights),
        view_(view),
        maps_(maps),
        max_value_(static_cast<float>(max_quantized_value(nbits))),
        reporter_(reporter),
        kernels_(solver_kernels()) {}

  /// The integers, packed as they are made, and the error against what `scale` and `zero_stored` reconstruct.
  ErrorTotals run(const float* scale, const float* zero_stored, Packing packing, void* packed) {
    const FinalAffine affine{maps_.inverse_scale.as<float>(), maps_.zero.as<float>(), scale, zero_stored};
    const int64_t fields = values_per_word(packing), stride = word_stride(packing, view_.rows);
    const int64_t tile_cols = std::min(view_.cols, kTileElements);
    const int64_t tile_rows = std::clamp<int64_t>(kTileElements / tile_cols, 1, stride);
    const int64_t across = ceil_div(view_.cols, tile_cols), tiles = ceil_div(stride, tile_rows) * across;
    const Buffer totals(tiles * static_cast<int64_t>(sizeof(ErrorTotals)), MemoryUse::scratch);
    run_chunks(tiles, std::max<int64_t>(1, kChunkElements / (fields * kTileElements)), reporter_, [&](int64_t begin, int64_t end) {
      const Buffer q(fields * tile_rows * tile_cols, MemoryUse::scratch);
      for (int64_t i = begin; i < end; ++i) {
        PackTile tile;
        // Tiles of one block of columns follow one another, so that its affine maps (axis 0) stay in the cache.
        const int64_t down = tiles / across;
        tile.row = i % down * tile_rows;
        tile.rows = std::min(tile_rows, stride - tile.row);
        tile.col = i / down * tile_cols;
        tile.cols = std::min(tile_cols, view_.cols - tile.col);
        ErrorTotals total;
        for (int64_t k = 0; k < fields; ++k) {
          uint8_t* field = q.as<uint8_t>() + k * tile_rows * tile_cols;
          const int64_t row = tile.row + k * stride, rows = std::clamp<int64_t>(view_.rows - row, 0, tile.rows);
          tile.fields[k] = field;
          if (rows < tile.rows) std::memset(field, 0, static_cast<size_t>(tile.rows * tile.cols));
          total.add(quantize_rectangle(affine, row, rows, tile.col, tile.cols, field));
        }
        pack_tile(tile, view_.rows, view_.cols, packing, packed);
        totals.as<ErrorTotals>()[i] = total;
      }
    });
    ErrorTotals sum;
    for (const ErrorTotals& tile : totals.span<ErrorTotals>()) sum.add(tile);
    return sum;
  }

 private:
  /// Integers of rows [row, row + rows) and columns [col, col + cols) of the grouped view, at most a tile; q: u8 [rows, cols].
  ErrorLanes quantize_rectangle(const FinalAffine& affine, int64_t row, int64_t rows, int64_t col, int64_t cols, uint8_t* q) const {
    std::array<float, kTileElements> x;
    if (cols == view_.cols) {
      weights_.read(row * cols, rows * cols, x.data());
    } else {
      for (int64_t r = 0; r < rows; ++r) weights_.read((row + r) * view_.cols + col, cols, x.data() + r * cols);
    }
    ErrorLanes lanes;
    if (view_.groups == view_.rows && view_.contiguous()) {
      kernels_.quantize_rows(x.data(), rows, cols, at(affine, row), max_value_, q, lanes);
    } else if (view_.groups == 1) {
      kernels_.quantize_rows(x.data(), 1, rows * cols, affine, max_value_, q, lanes);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        kernels_.quantize_lanes(x.data() + r * cols, cols, at(affine, col), max_value_, q + r * cols, lanes);
      }
    }
    return lanes;
  }

  static FinalAffine at(const FinalAffine& affine, int64_t offset) {
    return {affine.inverse_scale + offset, affine.zero + offset, affine.scale + offset, affine.zero_stored + offset};
  }

  const WeightReader& weights_;
  const Grouping& view_;
  const GroupMaps& maps_;
  float max_value_;
  const Reporter& reporter_;
  const SolverKernels& kernels_;
};

/// Quantizes a meta tensor and returns what a reader makes of it, f32[count].
Buffer quantize_and_back(MetaTensor& meta, int64_t group_size) {
  quantize_meta(meta, group_size);
  Buffer back(meta_count(meta) * 4, MemoryUse::scratch);
  meta_to_f32(meta, back.as<float>());
  return back;
}

/// The largest inverse scale that the solvers give.
constexpr float kLargestInverseScale = 2e4f;

}  // namespace

GroupMaps as_stored(const GroupMaps& maps, const Grouping& view, const QuantConfig& config) {
  MetaTensor scale = float_meta(meta_shape(view)), zero = float_meta(meta_shape(view));
  for (int64_t i = 0; i < view.groups; ++i) scale.values.as<float>()[i] = 1.0f / maps.inverse_scale.as<float>()[i];
  std::memcpy(zero.values.data(), maps.zero.data(), static_cast<size_t>(view.groups) * 4);
  const Buffer scales = config.quant_scale ? quantize_and_back(scale, kScaleGroupSize) : std::move(scale.values);
  const Buffer zeros = config.quant_zero ? quantize_and_back(zero, 0) : std::move(zero.values);
  GroupMaps stored(view.groups);
  stored.iterations = maps.iterations;
  for (int64_t i = 0; i < view.groups; ++i) {
    stored.inverse_scale.as<float>()[i] = std::min(1.0f / std::max(scales.as<float>()[i], 0.0f), kLargestInverseScale);
    stored.zero.as<float>()[i] = zeros.as<float>()[i];
  }
  return stored;
}

QuantizedTensor finish_quantized(const TensorView& weight, const Grouping& view, const QuantConfig& config, PackFormat format,
                                 const GroupMaps& maps, QuantStats* stats, const Reporter& reporter) {
  const WeightReader weights(weight);
  const Packing packing = packing_for(config.nbits, format);
  QuantizedTensor result;
  result.config = config;
  result.shape = weight.shape;
  result.rows = view.rows;
  result.cols = view.cols;
  result.packing = packing;
  result.scale = float_meta(meta_shape(view));
  result.zero = float_meta(meta_shape(view));
  float *scale = result.scale.values.as<float>(), *zero = result.zero.values.as<float>();
  for (int64_t i = 0; i < view.groups; ++i) scale[i] = 1.0f / maps.inverse_scale.as<float>()[i];
  std::memcpy(zero, maps.zero.data(), static_cast<size_t>(view.groups) * 4);
  // What a reader will dequantize with, where the metadata is quantized in turn.
  Buffer scale_back, zero_back;
  if (config.quant_scale) scale = (scale_back = quantize_and_back(result.scale, kScaleGroupSize)).as<float>();
  if (config.quant_zero) zero = (zero_back = quantize_and_back(result.zero, 0)).as<float>();

  result.packed_shape = packed_shape(packing, view.rows, view.cols);
  result.packed = Buffer(packed_bytes(packing, view.rows, view.cols), MemoryUse::weights);
  const ErrorTotals errors = FinalPass(weights, view, config.nbits, maps, reporter).run(scale, zero, packing, result.packed.data());

  if (stats != nullptr) {
    stats->iterations = maps.iterations;
    const double n = static_cast<double>(view.numel());
    stats->mean_abs_error = errors.abs_error / n;
    stats->mean_sq_error = errors.sq_error / n;
    stats->max_abs_error = errors.max_error;
    stats->mean_abs_weight = errors.abs_weight / n;
  }
  return result;
}

}  // namespace hqq
