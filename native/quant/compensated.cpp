#include "quant/compensated.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "quant/chunks.h"
#include "quant/dequantize.h"
#include "quant/descent.h"
#include "quant/group_fit.h"
#include "quant/quantize.h"
#include "quant/refined.h"
#include "quant/row_product.h"

namespace hqq {
namespace {

/// Of the mean of H's diagonal. Less lets feedback move weights further than some thousand tokens can tell to be right, and the
/// larger the errors are, the further they would go: the demo model's perplexity with 0.003, 0.01, 0.03 is 24.87, 24.90, 24.96 at
/// 4-bit g64, 27.00, 26.71, 26.66 at 3-bit g64 and 31.94, 31.14, 31.44 at 2-bit g16.
double damping_for(int nbits) { return nbits >= 4 ? 0.003 : 0.01; }
/// Two find nearly all that more would (the demo model at 2-bit g16: 31.25, 31.14 and 31.07 after 0, 2 and 4).
constexpr int kDescentPasses = 2;
/// Adding and subtracting it rounds values up to 255 to the nearest integer, ties to even, as the last pass does.
constexpr float kRounder = 12582912.0f;
/// Rows that are worked on together, so that U and H are read once for all of them.
constexpr int64_t kRowsTogether = 32;
constexpr int64_t kBandsBetweenChecks = 32;

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

/// H and what of it the work on every row needs.
struct OutputNorm {
  Buffer h;           // f32[n, n]: the moments, symmetric and damped
  Buffer upper;       // f32[n, n]: U of inverse_cholesky()
  Buffer importance;  // f32[n]: what an error of each column costs once later columns have taken back what they can, 1 / U_jj^2
};

OutputNorm output_norm(const InputMoments& moments, int nbits, const Reporter& reporter) {
  const int64_t n = moments.columns;
  const float* full = moments.full.as<float>();
  const double damping = std::max(damping_for(nbits) * mean_diagonal(moments), 1e-12);
  OutputNorm norm{Buffer(n * n * 4, MemoryUse::scratch), inverse_cholesky(full, n, damping, reporter), Buffer(n * 4, MemoryUse::scratch)};
  float* h = norm.h.as<float>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) h[i * n + j] = h[j * n + i] = full[i * n + j];
    h[i * n + i] = full[i * n + i] + static_cast<float>(damping);
    const float u = norm.upper.as<float>()[i * n + i];
    norm.importance.as<float>()[i] = 1.0f / (u * u);
  }
  return norm;
}

/// A few rows on their way through the groups. One per thread.
class RowBand {
 public:
  RowBand(const OutputNorm& norm, int64_t columns, int64_t group_size, float max_value, bool fit_maps)
      : norm_(norm),
        columns_(columns),
        group_size_(group_size),
        padded_(ceil_div(group_size, kFitLanes) * kFitLanes),
        max_value_(max_value),
        fit_maps_(fit_maps),
        descent_({norm.h.as<float>(), columns, group_size, max_value, fit_maps}, kRowsTogether),
        left_(kRowsTogether * columns * 4, MemoryUse::scratch),
        errors_(kRowsTogether * group_size * 4, MemoryUse::scratch),
        values_(padded_ * 4, MemoryUse::scratch),
        weights_(padded_ * 4, MemoryUse::scratch) {}

  /// Finds integers q for the weights `exact`, both [rows, columns]. maps[r * groups + g] are a start, and the result.
  void quantize(const float* exact, int64_t rows, AffineMap* maps, float* q) {
    const int64_t groups = columns_ / group_size_;
    std::copy_n(exact, rows * columns_, left_.as<float>());
    for (int64_t g = 0; g < groups; ++g) quantize_group(rows, g * group_size_, maps + g, groups, q);
    descent_.run(exact, q, maps, rows, kDescentPasses);
  }

 private:
  /// Quantizes columns [begin, begin + group_size) of what is left of the rows, and passes their errors on to the rest.
  void quantize_group(int64_t rows, int64_t begin, AffineMap* maps, int64_t stride, float* q) {
    float *left = left_.as<float>(), *errors = errors_.as<float>();
    for (int64_t r = 0; r < rows; ++r) {
      AffineMap& map = maps[r * stride];
      if (fit_maps_) map = fit(left + r * columns_ + begin, begin, map);
      round_columns(left + r * columns_, begin, map, errors + r * group_size_, q + r * columns_);
    }
    const float* upper = norm_.upper.as<float>() + begin * columns_;
    add_row_product(errors, group_size_, rows, upper, columns_, group_size_, begin + group_size_, columns_, left, columns_);
  }

  AffineMap fit(const float* w, int64_t begin, const AffineMap& known) {
    std::copy_n(w, group_size_, values_.as<float>());
    std::copy_n(norm_.importance.as<float>() + begin, group_size_, weights_.as<float>());
    const auto [low, high] = std::minmax_element(w, w + group_size_);
    return fit_group()({values_.as<float>(), weights_.as<float>(), padded_, max_value_, *low, *high, &known}).map;
  }

  void round_columns(float* row, int64_t begin, const AffineMap& map, float* errors, float* q) const {
    const float scale = 1.0f / map.inverse_scale;
    const int64_t end = begin + group_size_;
    for (int64_t j = begin; j < end; ++j) {
      q[j] = (std::clamp(row[j] * map.inverse_scale + map.zero, 0.0f, max_value_) + kRounder) - kRounder;
      const float* u = norm_.upper.as<float>() + j * columns_;
      const float error = ((q[j] - map.zero) * scale - row[j]) / u[j];
      errors[j - begin] = error;
      for (int64_t k = j + 1; k < end; ++k) row[k] += error * u[k];
    }
  }

  const OutputNorm& norm_;
  int64_t columns_, group_size_, padded_;
  float max_value_;
  bool fit_maps_;
  Descent descent_;
  Buffer left_, errors_, values_, weights_;
};

std::vector<AffineMap> to_vector(const GroupMaps& maps) {
  std::vector<AffineMap> list(static_cast<size_t>(maps.zero.bytes() / 4));
  for (size_t i = 0; i < list.size(); ++i) list[i] = {maps.inverse_scale.as<float>()[i], maps.zero.as<float>()[i]};
  return list;
}

void copy_to(const std::vector<AffineMap>& list, GroupMaps& maps) {
  for (size_t i = 0; i < list.size(); ++i) {
    maps.inverse_scale.as<float>()[i] = list[i].inverse_scale;
    maps.zero.as<float>()[i] = list[i].zero;
  }
}

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
  // The solution without feedback is a start for every group, and finds weights that cannot be quantized.
  CompensatedWeights result{Buffer(out * in * 4, MemoryUse::scratch),
                            solve_refined(weight, config, view, moments.diagonal.as<float>(), reporter)};
  std::vector<AffineMap> maps = to_vector(result.maps);
  const OutputNorm norm = output_norm(moments, config.nbits, reporter);
  const WeightReader reader(weight);
  const auto max_value = static_cast<float>(max_quantized_value(config.nbits));
  const auto quantize_rows = [&](bool fit_maps) {
    const int64_t bands = ceil_div(out, kRowsTogether);
    for (int64_t first = 0; first < bands; first += kBandsBetweenChecks) {
      check_cancelled(reporter);
      parallel_for(std::min(kBandsBetweenChecks, bands - first), 1, [&](int64_t begin, int64_t end) {
        RowBand band(norm, in, view.group_size, max_value, fit_maps);
        const Buffer exact(kRowsTogether * in * 4, MemoryUse::scratch);
        for (int64_t b = first + begin; b < first + end; ++b) {
          const int64_t row = b * kRowsTogether, rows = std::min(kRowsTogether, out - row);
          reader.read(row * in, rows * in, exact.as<float>());
          band.quantize(exact.as<float>(), rows, maps.data() + row * per_row, result.values.as<float>() + row * in);
        }
      });
    }
  };
  quantize_rows(true);
  copy_to(maps, result.maps);
  if (config.quant_zero || config.quant_scale) {
    // Rounding scales and zeros is an error, too; with their last values known the integers can make up for most of it.
    result.maps = as_stored(result.maps, view, config);
    maps = to_vector(result.maps);
    quantize_rows(false);
  }
  for (int64_t i = 0; i < out * in; ++i) {
    const AffineMap& map = maps[static_cast<size_t>(i / view.group_size)];
    result.values.as<float>()[i] = (result.values.as<float>()[i] - map.zero) * (1.0f / map.inverse_scale);
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
