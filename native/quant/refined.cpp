#include "quant/refined.h"

#include <algorithm>
#include <chrono>

#include "quant/chunks.h"
#include "quant/group_fit.h"
#include "quant/group_reader.h"

namespace hqq {
namespace {

/// A column that no input reaches still needs weights near its own.
constexpr float kLeastWeight = 1e-6f;

}  // namespace

Buffer floored_weights(const float* column_weights, int64_t columns) {
  Buffer weights(columns * 4, MemoryUse::scratch);
  double mean = 0;
  for (int64_t i = 0; i < columns; ++i) mean += static_cast<double>(column_weights[i]) / static_cast<double>(columns);
  const float least = mean > 0 ? kLeastWeight * static_cast<float>(mean) : 1.0f;
  for (int64_t i = 0; i < columns; ++i) weights.as<float>()[i] = std::max(column_weights[i], least);
  return weights;
}

GroupMaps solve_refined(const TensorView& weight, const QuantConfig& config, const Grouping& view, const float* column_weights,
                        Reporter& reporter) {
  QuantConfig half_quadratic = config;
  half_quadratic.optimize = true;
  GroupMaps maps = solve_half_quadratic(weight, half_quadratic, view, reporter);
  if (view.per_tensor) return maps;

  const WeightReader weights(weight);
  const int64_t columns = weight.shape.back();
  const Buffer importance = column_weights != nullptr ? floored_weights(column_weights, columns) : Buffer();
  const GroupReader reader(weights, view, column_weights != nullptr ? importance.as<float>() : nullptr, columns);
  const FitGroup fit = fit_group();
  const auto max_value = static_cast<float>(max_quantized_value(config.nbits));
  const int64_t grain = reader.groups_per_tile() * std::max<int64_t>(1, kChunkElements / (reader.groups_per_tile() * view.group_size));
  run_chunks(view.groups, grain, reporter, [&](int64_t begin, int64_t end) {
    GroupReader::Tile tile(reader);
    for (int64_t first = begin; first < end; first += reader.groups_per_tile()) {
      const int64_t count = std::min(reader.groups_per_tile(), end - first);
      reader.read(first, count, tile);
      for (int64_t i = 0; i < count; ++i) {
        float* inverse_scale = maps.inverse_scale.as<float>() + first + i;
        float* zero = maps.zero.as<float>() + first + i;
        const AffineMap known{*inverse_scale, *zero};
        FitProblem problem{tile.values(i), tile.weights(i), reader.padded_size(), max_value, 0, 0, &known};
        const auto [low, high] = std::minmax_element(problem.w, problem.w + view.group_size);
        problem.low = *low;
        problem.high = *high;
        const GroupFit found = fit(problem);
        *inverse_scale = found.map.inverse_scale;
        *zero = found.map.zero;
      }
    }
  });
  return maps;
}

QuantizedTensor quantize_refined(const TensorView& weight, const QuantConfig& config, PackFormat format,
                                 const float* column_weights, QuantStats* stats, Reporter* reporter) {
  const auto start = std::chrono::steady_clock::now();
  const Grouping view = resolve_grouping(config, weight.shape);
  if (format == PackFormat::interchange) require_interchangeable(packing_for(config.nbits, format), view.rows);
  NullReporter nobody;
  Reporter& listener = reporter != nullptr ? *reporter : nobody;
  GroupMaps maps = solve_refined(weight, config, view, column_weights, listener);
  // Weights are rounded by the scales and zeros that will be read, not by those that were found.
  if (config.quant_zero || config.quant_scale) maps = as_stored(maps, view, config);
  QuantizedTensor result = finish_quantized(weight, view, config, format, maps, stats, listener);
  if (stats != nullptr) stats->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace hqq
