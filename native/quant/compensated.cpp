#include "quant/compensated.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "quant/chunks.h"
#include "quant/dequantize.h"
#include "quant/group_fit.h"
#include "quant/quantize.h"
#include "quant/refined.h"

namespace hqq {
namespace {

constexpr double kDamping = 0.01;
/// Adding and subtracting it rounds values up to 255 to the nearest integer, ties to even, as the last pass does.
constexpr float kRounder = 12582912.0f;
/// Rows that are worked on together, so that a stretch of U is read once for all of them.
constexpr int64_t kRowsTogether = 16;
/// Columns of U that stay in the cache while those rows go by.
constexpr int64_t kStretch = 1024;

double mean_diagonal(const InputMoments& moments) {
  double sum = 0;
  for (const float value : moments.diagonal.span<float>()) sum += value;
  return sum / static_cast<double>(moments.columns);
}

/// What a reader of `tensor` will see, against the weight it stands for.
void measure_errors(const TensorView& weight, const QuantizedTensor& tensor, QuantStats& stats) {
  const int64_t n = weight.numel();
  const Buffer back(n * 4, MemoryUse::scratch);
  dequantize(tensor, back.as<float>());
  const WeightReader reader(weight);
  std::vector<float> exact(static_cast<size_t>(kTileElements));
  for (int64_t at = 0; at < n; at += kTileElements) {
    const int64_t count = std::min(kTileElements, n - at);
    reader.read(at, count, exact.data());
    for (int64_t i = 0; i < count; ++i) {
      const double w = exact[static_cast<size_t>(i)], error = std::fabs(w - back.as<float>()[at + i]);
      stats.mean_abs_error += error / static_cast<double>(n);
      stats.mean_sq_error += error * error / static_cast<double>(n);
      stats.max_abs_error = std::max(stats.max_abs_error, error);
      stats.mean_abs_weight += std::fabs(w) / static_cast<double>(n);
    }
  }
}

/// The state of a few rows on their way through the groups.
class RowBand {
 public:
  RowBand(const float* upper, const float* importance, int64_t columns, int64_t group_size, float max_value)
      : upper_(upper),
        importance_(importance),
        columns_(columns),
        group_size_(group_size),
        padded_(ceil_div(group_size, kFitLanes) * kFitLanes),
        max_value_(max_value),
        errors_(kRowsTogether * group_size * 4, MemoryUse::scratch),
        values_(padded_ * 4, MemoryUse::scratch),
        weights_(padded_ * 4, MemoryUse::scratch) {}

  /// Quantizes columns [begin, begin + group_size) of `rows` rows w [rows, columns] and passes their errors on to the rest of the
  /// row. Afterwards w holds what was rounded, and maps[r * stride] the map of row r.
  void quantize_group(float* w, int64_t rows, int64_t begin, AffineMap* maps, int64_t stride) {
    for (int64_t r = 0; r < rows; ++r) {
      const AffineMap map = fit(w + r * columns_ + begin, begin, maps[r * stride]);
      maps[r * stride] = map;
      round_columns(w + r * columns_, begin, map, errors_.as<float>() + r * group_size_);
    }
    for (int64_t at = begin + group_size_; at < columns_; at += kStretch) {
      const int64_t n = std::min(kStretch, columns_ - at);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < group_size_; ++j) {
          subtract(errors_.as<float>()[r * group_size_ + j], upper_ + (begin + j) * columns_ + at, n, w + r * columns_ + at);
        }
      }
    }
  }

 private:
  AffineMap fit(const float* w, int64_t begin, const AffineMap& known) {
    std::copy_n(w, group_size_, values_.as<float>());
    std::copy_n(importance_ + begin, group_size_, weights_.as<float>());
    const auto [low, high] = std::minmax_element(w, w + group_size_);
    return fit_group()({values_.as<float>(), weights_.as<float>(), padded_, max_value_, *low, *high, &known}).map;
  }

  void round_columns(float* row, int64_t begin, const AffineMap& map, float* errors) const {
    const float scale = 1.0f / map.inverse_scale;
    for (int64_t j = begin; j < begin + group_size_; ++j) {
      const float q = (std::clamp(row[j] * map.inverse_scale + map.zero, 0.0f, max_value_) + kRounder) - kRounder;
      const float* u = upper_ + j * columns_;
      const float error = (row[j] - (q - map.zero) * scale) / u[j];
      errors[j - begin] = error;
      subtract(error, u + j + 1, begin + group_size_ - j - 1, row + j + 1);
    }
  }

  static void subtract(float factor, const float* u, int64_t n, float* w) {
    for (int64_t k = 0; k < n; ++k) w[k] -= factor * u[k];
  }

  const float *upper_, *importance_;
  int64_t columns_, group_size_, padded_;
  float max_value_;
  Buffer errors_, values_, weights_;
};

}  // namespace

bool can_compensate(const Grouping& view, const Shape& shape) {
  return !view.per_tensor && view.axis == 1 && shape.back() % view.group_size == 0;
}

CompensatedWeights solve_compensated(const TensorView& weight, const QuantConfig& config, const Grouping& view,
                                     const InputMoments& moments, Reporter& reporter) {
  require(can_compensate(view, weight.shape), ErrorCode::bad_input,
          "error feedback needs axis 1 and groups that divide the row; choose another method for this layer");
  require(moments.columns == weight.shape.back() && moments.full.bytes() > 0, ErrorCode::internal, "moments of another layer");
  const int64_t out = weight.shape.front(), in = weight.shape.back(), per_row = in / view.group_size;
  const Buffer importance = floored_weights(moments.diagonal.as<float>(), in);
  const Buffer upper = inverse_cholesky(moments.full.as<float>(), in, std::max(kDamping * mean_diagonal(moments), 1e-12), reporter);

  // The solution without feedback is a start for every group, and finds weights that cannot be quantized.
  GroupMaps start = solve_refined(weight, config, view, moments.diagonal.as<float>(), reporter);
  CompensatedWeights result{Buffer(out * in * 4, MemoryUse::scratch), GroupMaps(view.groups)};
  const WeightReader reader(weight);
  const auto max_value = static_cast<float>(max_quantized_value(config.nbits));
  const int64_t bands = ceil_div(out, kRowsTogether);
  std::vector<AffineMap> maps(static_cast<size_t>(view.groups));
  for (size_t i = 0; i < maps.size(); ++i) {
    maps[i] = {start.inverse_scale.as<float>()[i], start.zero.as<float>()[i]};
  }
  for (int64_t first = 0; first < bands; first += 64) {
    check_cancelled(reporter);
    parallel_for(std::min<int64_t>(64, bands - first), 1, [&](int64_t begin, int64_t end) {
      RowBand band(upper.as<float>(), importance.as<float>(), in, view.group_size, max_value);
      for (int64_t b = first + begin; b < first + end; ++b) {
        const int64_t row = b * kRowsTogether, rows = std::min(kRowsTogether, out - row);
        float* w = result.values.as<float>() + row * in;
        reader.read(row * in, rows * in, w);
        for (int64_t g = 0; g < per_row; ++g) {
          band.quantize_group(w, rows, g * view.group_size, maps.data() + row * per_row + g, per_row);
        }
      }
    });
  }
  for (size_t i = 0; i < maps.size(); ++i) {
    result.maps.inverse_scale.as<float>()[i] = maps[i].inverse_scale;
    result.maps.zero.as<float>()[i] = maps[i].zero;
  }
  return result;
}

QuantizedTensor quantize_compensated(const TensorView& weight, const QuantConfig& config, PackFormat format,
                                     const InputMoments& moments, QuantStats* stats, Reporter* reporter) {
  const auto start = std::chrono::steady_clock::now();
  const Grouping view = resolve_grouping(config, weight.shape);
  if (format == PackFormat::interchange) require_interchangeable(packing_for(config.nbits, format), view.rows);
  NullReporter nobody;
  Reporter& listener = reporter != nullptr ? *reporter : nobody;
  const CompensatedWeights found = solve_compensated(weight, config, view, moments, listener);
  const TensorView rounded{found.values.data(), DType::f32, weight.shape};
  QuantizedTensor result = finish_quantized(rounded, view, config, format, found.maps, nullptr, listener);
  if (stats == nullptr) return result;
  *stats = {};
  measure_errors(weight, result, *stats);
  stats->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace hqq
