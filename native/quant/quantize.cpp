#include "quant/quantize.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <optional>

#include "core/error.h"
#include "core/thread_pool.h"
#include "quant/mean_error.h"
#include "quant/meta.h"
#include "quant/solver.h"
#include "quant/weight_reader.h"
#include "quant/zero_history.h"

namespace hqq {
namespace {

// Elements of one parallel chunk: small enough for an even load, large enough that scratch is set up rarely.
constexpr int64_t kChunkElements = 1 << 15;
// Elements copied to float32 at a time, sized for the level-1 cache.
constexpr int64_t kTileElements = 1 << 12;
// Groups of one parallel chunk, so that its zero history stays in the level-2 cache.
constexpr int64_t kChunkGroups = 2048;
// Chunks between two looks at the reporter: some 8 M elements, about 0.1 s.
constexpr int64_t kChunksPerSlab = 256;
// Axis 0 reads this many neighbouring columns at once, so that every cache line of the weight is used when it is fetched.
constexpr int64_t kPanelsPerTile = 4;
// Relative difference of two mean errors below which float32 rounding decides which is larger. The rounding error of the
// reference's own float32 sum stays well under half of this.
constexpr double kUndecided = 1e-6;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// parallel_for in slabs, so that a cancelled job on a huge matrix answers soon.
void run_chunks(int64_t n, int64_t grain, const Reporter& reporter, const std::function<void(int64_t, int64_t)>& body) {
  const int64_t slab = grain * kChunksPerSlab;
  for (int64_t begin = 0; begin < n; begin += slab) {
    check_cancelled(reporter);
    parallel_for(std::min(slab, n - begin), grain, [&](int64_t b, int64_t e) { body(begin + b, begin + e); });
  }
}

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

/// One call of quantize(): the passes over the matrix share its buffers.
class Quantization {
 public:
  Quantization(const TensorView& weight, const QuantConfig& config, const Grouping& view, Reporter& reporter)
      : weights_(weight), view_(view), reporter_(reporter), kernels_(solver_kernels()) {
    params_.max_value = static_cast<float>(max_quantized_value(config.nbits));
    params_.round_zero = config.round_zero;
    params_.steps = config.optimize && !view.per_tensor ? kSolverSteps : 0;
    inverse_scale_ = Buffer(view.groups * 4, MemoryUse::scratch);
    zero_ = Buffer(view.groups * 4, MemoryUse::scratch);
  }

  /// First the scales, and the zeros after every step; then which step the reference would have stopped at.
  void solve() {
    if (view_.per_tensor) return solve_whole();
    if (view_.contiguous()) {
      solve_contiguous();
    } else {
      solve_strided();
    }
    iterations_ = params_.steps == 0 ? 0 : executed_steps();
    history_->read(iterations_, zero_.as<float>());
    history_.reset();
  }

  int iterations() const { return iterations_; }
  const float* inverse_scale() const { return inverse_scale_.as<float>(); }
  const float* zero() const { return zero_.as<float>(); }

  /// Last pass: the integers, packed as they are made, and the error against what `scale` and `zero_stored` reconstruct.
  ErrorTotals quantize(const float* scale, const float* zero_stored, Packing packing, void* packed) {
    const FinalAffine affine{inverse_scale(), zero(), scale, zero_stored};
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
  /// What one parallel chunk of groups collects before it goes to the history.
  struct Chunk {
    Chunk(int64_t chunk_groups, int steps)
        : stride(chunk_groups),
          planes((steps + 1) * chunk_groups * 4, MemoryUse::scratch),
          settled(chunk_groups, MemoryUse::scratch) {}
    int64_t stride;
    Buffer planes;   // f32[steps + 1, chunk groups]
    Buffer settled;  // u8[chunk groups]
  };

  void solve_whole() {
    std::atomic<bool> finite{true};
    const int64_t n = view_.numel();
    const Buffer ranges(ceil_div(n, kChunkElements) * 8, MemoryUse::scratch);
    float* range = ranges.as<float>();
    run_chunks(n, kChunkElements, reporter_, [&](int64_t begin, int64_t end) {
      const Buffer x((end - begin) * 4, MemoryUse::scratch);
      weights_.read(begin, end - begin, x.as<float>());
      float* out = range + begin / kChunkElements * 2;
      if (!kernels_.range(x.as<float>(), end - begin, out, out + 1)) finite = false;
    });
    if (!finite) weights_.throw_bad_weight();
    float low = range[0], high = range[1];
    for (int64_t i = 2; i < ranges.bytes() / 4; i += 2) {
      low = std::min(low, range[i]);
      high = std::max(high, range[i + 1]);
    }
    initial_affine(low, high, params_, inverse_scale_.as<float>(), zero_.as<float>());
  }

  void solve_contiguous() {
    const int64_t g = view_.group_size;
    const int64_t tile_groups = std::max<int64_t>(1, kTileElements / g);
    const int64_t grain = chunk_groups(tile_groups);
    prepare(grain);
    std::atomic<bool> finite{true};
    run_chunks(view_.groups, grain, reporter_, [&](int64_t begin, int64_t end) {
      const Buffer x(tile_groups * g * 4, MemoryUse::scratch);
      const Buffer scratch(g * 4, MemoryUse::scratch);
      const Chunk chunk(grain, params_.steps);
      for (int64_t group = begin; group < end; group += tile_groups) {
        SolveTile tile = tile_at(chunk, begin, group, std::min(tile_groups, end - group));
        tile.x = x.as<float>();
        tile.scratch = scratch.as<float>();
        weights_.read(group * g, tile.count * g, x.as<float>());
        if (!kernels_.solve_rows(params_, tile)) finite = false;
      }
      keep(chunk, begin);
    });
    if (!finite) weights_.throw_bad_weight();
  }

  void solve_strided() {
    const int64_t g = view_.group_size, cols = view_.cols;
    const int64_t tile_columns = kTileLanes * (g * kTileLanes * kPanelsPerTile <= 16 * kTileElements ? kPanelsPerTile : 1);
    const int64_t grain = chunk_groups(tile_columns);
    // PyTorch sums 32 columns at a time row after row, and what is left over in another order.
    const int64_t plain_columns = cols >= 8 ? cols / 32 * 32 : cols / 4 * 4;
    prepare(grain);
    std::atomic<bool> finite{true};
    run_chunks(cols, grain, reporter_, [&](int64_t begin, int64_t end) {
      const int64_t panel_elements = g * kTileLanes;
      const Buffer x(tile_columns * g * 4, MemoryUse::scratch);
      const Chunk chunk(grain, params_.steps);
      for (int64_t column = begin; column < end; column += tile_columns) {
        const int64_t width = std::min(tile_columns, end - column);
        read_panels(column, width, x.as<float>());
        for (int64_t panel = 0; panel * kTileLanes < width; ++panel) {
          const int64_t first = column + panel * kTileLanes;
          SolveTile tile = tile_at(chunk, begin, first, std::min<int64_t>(kTileLanes, end - first));
          tile.x = x.as<float>() + panel * panel_elements;
          tile.plain_columns = std::clamp<int64_t>(plain_columns - first, 0, kTileLanes);
          if (!kernels_.solve_columns(params_, tile)) finite = false;
        }
      }
      keep(chunk, begin);
    });
    if (!finite) weights_.throw_bad_weight();
  }

  /// Copies `width` columns of the view into panels of [group_size, 16], the last one filled up with zeros.
  void read_panels(int64_t column, int64_t width, float* panels) const {
    std::array<float, kTileLanes * kPanelsPerTile> row_values{};
    const int64_t panel_elements = view_.group_size * kTileLanes;
    for (int64_t row = 0; row < view_.group_size; ++row) {
      weights_.read(row * view_.cols + column, width, row_values.data());
      weights_.prefetch(row * view_.cols + column + width, width);
      for (int64_t at = 0; at < width; at += kTileLanes) {
        std::memcpy(panels + at / kTileLanes * panel_elements + row * kTileLanes, row_values.data() + at, kTileLanes * 4);
      }
    }
  }

  /// Groups of one parallel chunk, a multiple of the groups that are solved together.
  int64_t chunk_groups(int64_t tile_groups) const {
    const int64_t wanted = std::min(kChunkGroups, kChunkElements / view_.group_size);
    return tile_groups * std::max<int64_t>(1, wanted / tile_groups);
  }

  void prepare(int64_t grain) {
    chunk_groups_ = grain;
    history_.emplace(view_.groups, grain, params_.steps);
    errors_ = Buffer(ceil_div(view_.groups, grain) * kSolverSteps * 8, MemoryUse::scratch);
  }

  SolveTile tile_at(const Chunk& chunk, int64_t chunk_begin, int64_t group, int64_t count) {
    SolveTile tile{};
    tile.group_size = view_.group_size;
    tile.count = count;
    tile.inverse_scale = inverse_scale_.as<float>() + group;
    tile.zeros = chunk.planes.as<float>() + (group - chunk_begin);
    tile.zero_stride = chunk.stride;
    tile.settled = chunk.settled.as<uint8_t>() + (group - chunk_begin);
    tile.error_sums = errors_.as<double>() + chunk_begin / chunk_groups_ * kSolverSteps;
    return tile;
  }

  void keep(const Chunk& chunk, int64_t chunk_begin) {
    history_->add(chunk_begin / chunk_groups_, chunk.planes.as<float>(), chunk.stride, chunk.settled.as<uint8_t>());
  }

  /// How many steps the reference executes: it stops after the first whose float32 mean error is not below the one before.
  int executed_steps() {
    std::array<double, kSolverSteps> totals{};
    const double* chunk = errors_.as<double>();
    for (int64_t i = 0; i < errors_.bytes() / 8; ++i) totals[static_cast<size_t>(i % kSolverSteps)] += chunk[i];
    for (int step = 1; step < kSolverSteps; ++step) {
      const double before = totals[static_cast<size_t>(step) - 1], now = totals[static_cast<size_t>(step)];
      const bool undecided = std::fabs(now - before) <= kUndecided * before;
      const bool improved = undecided ? rounded_error(step) < rounded_error(step - 1) : now < before;
      if (!improved) return step + 1;
    }
    return kSolverSteps;
  }

  /// The mean error before step `step`'s update, rounded as the reference does.
  float rounded_error(int step) {
    float& known = rounded_errors_[static_cast<size_t>(step)];
    if (known < 0) {
      history_->read(step, zero_.as<float>());
      known = mean_error_in_reference_order(
          view_.numel(), [&](int64_t begin, int64_t end, float* out) { abs_errors(begin, end, out); }, reporter_);
    }
    return known;
  }

  /// |w - w'| of a flat range with the zeros now in zero_.
  void abs_errors(int64_t begin, int64_t end, float* out) const {
    std::array<float, kTileElements> x;
    for (int64_t tile = begin; tile < end; tile += kTileElements) {
      const int64_t tile_end = std::min(end, tile + kTileElements);
      weights_.read(tile, tile_end - tile, x.data());
      for (int64_t at = tile; at < tile_end;) {
        const int64_t n = view_.contiguous() ? abs_errors_of_groups(x.data() + (at - tile), at, tile_end, out)
                                             : abs_errors_of_row(x.data() + (at - tile), at, tile_end, out);
        at += n;
        out += n;
      }
    }
  }

  /// From `at` on: as many whole groups as there are before `end`, or a part of one. Returns how many elements that were.
  int64_t abs_errors_of_groups(const float* x, int64_t at, int64_t end, float* out) const {
    const int64_t g = view_.group_size, group = at / g;
    const int64_t whole = at % g == 0 ? (end - at) / g : 0;
    const int64_t rows = std::max<int64_t>(1, whole), n = whole > 0 ? g : std::min(end, (group + 1) * g) - at;
    kernels_.abs_error_rows(x, rows, n, inverse_scale() + group, zero() + group, params_.max_value, out);
    return rows * n;
  }

  /// From `at` to the end of its row of the view or to `end`.
  int64_t abs_errors_of_row(const float* x, int64_t at, int64_t end, float* out) const {
    const int64_t column = at % view_.cols, n = std::min(end - at, view_.cols - column);
    kernels_.abs_error_lanes(x, n, inverse_scale() + column, zero() + column, params_.max_value, out);
    return n;
  }

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
      kernels_.quantize_rows(x.data(), rows, cols, at(affine, row), params_.max_value, q, lanes);
    } else if (view_.groups == 1) {
      kernels_.quantize_rows(x.data(), 1, rows * cols, affine, params_.max_value, q, lanes);
    } else {
      for (int64_t r = 0; r < rows; ++r) {
        kernels_.quantize_lanes(x.data() + r * cols, cols, at(affine, col), params_.max_value, q + r * cols, lanes);
      }
    }
    return lanes;
  }

  static FinalAffine at(const FinalAffine& affine, int64_t offset) {
    return {affine.inverse_scale + offset, affine.zero + offset, affine.scale + offset, affine.zero_stored + offset};
  }

  WeightReader weights_;
  Grouping view_;
  Reporter& reporter_;
  const SolverKernels& kernels_;
  SolveParams params_{};
  Buffer inverse_scale_;  // f32[groups]
  Buffer zero_;           // f32[groups]
  Buffer errors_;         // f64[chunks, steps]
  int64_t chunk_groups_ = 0;
  std::optional<ZeroHistory> history_;
  std::array<float, kSolverSteps> rounded_errors_ = [] {
    std::array<float, kSolverSteps> unknown;
    unknown.fill(-1.0f);
    return unknown;
  }();
  int iterations_ = 0;
};

/// Quantizes a meta tensor and returns what a reader makes of it, f32[count].
Buffer quantize_and_back(MetaTensor& meta, int64_t group_size) {
  quantize_meta(meta, group_size);
  Buffer back(meta_count(meta) * 4, MemoryUse::scratch);
  meta_to_f32(meta, back.as<float>());
  return back;
}

}  // namespace

QuantizedTensor quantize(const TensorView& weight, const QuantConfig& config, PackFormat format, QuantStats* stats,
                         Reporter* reporter) {
  const auto start = std::chrono::steady_clock::now();
  const Grouping view = resolve_grouping(config, weight.shape);
  const Packing packing = packing_for(config.nbits, format);
  if (format == PackFormat::interchange) require_interchangeable(packing, view.rows);
  NullReporter nobody;
  Reporter& listener = reporter != nullptr ? *reporter : nobody;

  Quantization work(weight, config, view, listener);
  work.solve();

  QuantizedTensor result;
  result.config = config;
  result.shape = weight.shape;
  result.rows = view.rows;
  result.cols = view.cols;
  result.packing = packing;
  result.scale = float_meta(meta_shape(view));
  result.zero = float_meta(meta_shape(view));
  float *scale = result.scale.values.as<float>(), *zero = result.zero.values.as<float>();
  for (int64_t i = 0; i < view.groups; ++i) scale[i] = 1.0f / work.inverse_scale()[i];
  std::memcpy(zero, work.zero(), static_cast<size_t>(view.groups) * 4);
  // What a reader will dequantize with, where the metadata is quantized in turn.
  Buffer scale_back, zero_back;
  if (config.quant_scale) scale = (scale_back = quantize_and_back(result.scale, kScaleGroupSize)).as<float>();
  if (config.quant_zero) zero = (zero_back = quantize_and_back(result.zero, 0)).as<float>();

  result.packed_shape = packed_shape(packing, view.rows, view.cols);
  result.packed = Buffer(packed_bytes(packing, view.rows, view.cols), MemoryUse::weights);
  const ErrorTotals errors = work.quantize(scale, zero, packing, result.packed.data());

  if (stats != nullptr) {
    const double n = static_cast<double>(view.numel());
    stats->iterations = work.iterations();
    stats->mean_abs_error = errors.abs_error / n;
    stats->mean_sq_error = errors.sq_error / n;
    stats->max_abs_error = errors.max_error;
    stats->mean_abs_weight = errors.abs_weight / n;
    stats->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return result;
}

QuantizeMemory quantize_memory(const Shape& shape, const QuantConfig& config, PackFormat format) {
  const Grouping view = resolve_grouping(config, shape);
  const int64_t steps = config.optimize && !view.per_tensor ? kSolverSteps : 0;
  QuantizeMemory memory;
  memory.result = packed_bytes(packing_for(config.nbits, format), view.rows, view.cols) + 2 * view.groups * 4;
  // The zero history (at worst; most groups need a third of it), inverse scale, zero, the pair that readers will use, and
  // what the threads work on.
  const int64_t per_thread = 64 * kChunkElements + 16 * 4 * std::max(view.group_size, kTileElements);
  memory.scratch = (steps + 6) * view.groups * 4 + thread_count() * per_thread;
  return memory;
}

}  // namespace hqq
