#include "quant/quantize.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>

#include "core/error.h"
#include "quant/chunks.h"
#include "quant/finish.h"
#include "quant/mean_error.h"
#include "quant/meta.h"
#include "quant/solver.h"
#include "quant/stop_rule.h"
#include "quant/weight_reader.h"
#include "quant/zero_history.h"

namespace hqq {
namespace {

// Groups of one parallel chunk, so that its zero history stays in the level-2 cache.
constexpr int64_t kChunkGroups = 2048;
// Axis 0 reads this many neighbouring columns at once, so that every cache line of the weight is used when it is fetched.
constexpr int64_t kPanelsPerTile = 4;

/// One call of quantize(): the passes over the matrix share its buffers.
class Quantization {
 public:
  Quantization(const TensorView& weight, const QuantConfig& config, const Grouping& view, Reporter& reporter)
      : weights_(weight), view_(view), reporter_(reporter), kernels_(solver_kernels()), maps_(view.groups) {
    params_.max_value = static_cast<float>(max_quantized_value(config.nbits));
    params_.round_zero = config.round_zero;
    params_.steps = config.optimize && !view.per_tensor ? kSolverSteps : 0;
  }

  /// First the scales, and the zeros after every step; then which step the reference would have stopped at.
  GroupMaps solve() && {
    if (view_.per_tensor) {
      solve_whole();
      return std::move(maps_);
    }
    if (view_.contiguous()) {
      solve_contiguous();
    } else {
      solve_strided();
    }
    maps_.iterations = params_.steps == 0 ? 0 : steps_until_stop();
    history_->read(maps_.iterations, zero());
    return std::move(maps_);
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
    initial_affine(low, high, params_, inverse_scale(), zero());
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
    tile.inverse_scale = inverse_scale() + group;
    tile.zeros = chunk.planes.as<float>() + (group - chunk_begin);
    tile.zero_stride = chunk.stride;
    tile.settled = chunk.settled.as<uint8_t>() + (group - chunk_begin);
    tile.error_sums = errors_.as<double>() + chunk_begin / chunk_groups_ * kSolverSteps;
    return tile;
  }

  void keep(const Chunk& chunk, int64_t chunk_begin) {
    history_->add(chunk_begin / chunk_groups_, chunk.planes.as<float>(), chunk.stride, chunk.settled.as<uint8_t>());
  }

  /// How many steps the reference executes.
  int steps_until_stop() {
    std::array<double, kSolverSteps> totals{};
    const double* chunk = errors_.as<double>();
    for (int64_t i = 0; i < errors_.bytes() / 8; ++i) totals[static_cast<size_t>(i % kSolverSteps)] += chunk[i];
    return executed_steps(totals.data(), [this](int step) { return rounded_error(step); });
  }

  /// The mean error before step `step`'s update, rounded as the reference does.
  float rounded_error(int step) {
    float& known = rounded_errors_[static_cast<size_t>(step)];
    if (known < 0) {
      history_->read(step, zero());
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

  float* inverse_scale() const { return maps_.inverse_scale.as<float>(); }
  float* zero() const { return maps_.zero.as<float>(); }

  WeightReader weights_;
  const Grouping& view_;
  Reporter& reporter_;
  const SolverKernels& kernels_;
  SolveParams params_{};
  GroupMaps maps_;
  Buffer errors_;  // f64[chunks, steps]
  int64_t chunk_groups_ = 0;
  std::optional<ZeroHistory> history_;
  std::array<float, kSolverSteps> rounded_errors_ = [] {
    std::array<float, kSolverSteps> unknown;
    unknown.fill(-1.0f);
    return unknown;
  }();
};

}  // namespace

GroupMaps solve_half_quadratic(const TensorView& weight, const QuantConfig& config, const Grouping& view, Reporter& reporter) {
  return Quantization(weight, config, view, reporter).solve();
}

QuantizedTensor quantize(const TensorView& weight, const QuantConfig& config, PackFormat format, QuantStats* stats,
                         Reporter* reporter) {
  const auto start = std::chrono::steady_clock::now();
  const Grouping view = resolve_grouping(config, weight.shape);
  const Packing packing = packing_for(config.nbits, format);
  if (format == PackFormat::interchange) require_interchangeable(packing, view.rows);
  NullReporter nobody;
  Reporter& listener = reporter != nullptr ? *reporter : nobody;
  const GroupMaps maps = solve_half_quadratic(weight, config, view, listener);
  QuantizedTensor result = finish_quantized(weight, view, config, format, maps, stats, listener);
  if (stats != nullptr) stats->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
