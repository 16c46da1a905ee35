#include "model/position_grid.h"

#include <algorithm>
#include <cmath>

namespace hqq {
namespace {

/// Keys' cubic convolution kernel.
double cubic(double x, double a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// What one output sample is a sum of.
struct Taps {
  std::vector<int64_t> from;
  std::vector<double> weight;
};

/// Samples beyond the edge are the edge's.
Taps plain_taps(int64_t index, double step, int64_t size) {
  const double centre = (static_cast<double>(index) + 0.5) * step - 0.5;
  const auto first = static_cast<int64_t>(std::floor(centre)) - 1;
  Taps taps;
  for (int64_t i = first; i < first + 4; ++i) {
    taps.from.push_back(std::clamp<int64_t>(i, 0, size - 1));
    taps.weight.push_back(cubic(centre - static_cast<double>(i), -0.75));
  }
  return taps;
}

/// Samples beyond the edge do not count, and the others share their weight.
Taps antialiased_taps(int64_t index, double step, int64_t size) {
  const double scale = std::max(step, 1.0), support = 2.0 * scale;
  const double centre = (static_cast<double>(index) + 0.5) * step;
  const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
  const auto last = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), size);
  Taps taps;
  double sum = 0;
  for (int64_t i = first; i < last; ++i) {
    taps.from.push_back(i);
    taps.weight.push_back(cubic((static_cast<double>(i) - centre + 0.5) / scale, -0.5));
    sum += taps.weight.back();
  }
  for (double& weight : taps.weight) weight /= sum;
  return taps;
}

/// Along one side: `from` is [outer][size][inner].
std::vector<float> stretch(const float* from, int64_t outer, int64_t size, int64_t inner, int64_t to,
                           Stretching stretching) {
  std::vector<float> made(static_cast<size_t>(outer * to * inner));
  const double step = static_cast<double>(size) / static_cast<double>(to);
  std::vector<double> sum(static_cast<size_t>(inner));
  for (int64_t i = 0; i < to; ++i) {
    const Taps taps = stretching == Stretching::plain ? plain_taps(i, step, size) : antialiased_taps(i, step, size);
    for (int64_t o = 0; o < outer; ++o) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (size_t t = 0; t < taps.from.size(); ++t) {
        const float* row = from + (o * size + taps.from[t]) * inner;
        for (int64_t k = 0; k < inner; ++k) sum[static_cast<size_t>(k)] += taps.weight[t] * row[k];
      }
      float* out = made.data() + (o * to + i) * inner;
      for (int64_t k = 0; k < inner; ++k) out[k] = static_cast<float>(sum[static_cast<size_t>(k)]);
    }
  }
  return made;
}

}  // namespace

std::vector<float> stretch_positions(const float* from, int64_t rows, int64_t cols, int64_t size, int64_t to_rows,
                                     int64_t to_cols, Stretching stretching) {
  const std::vector<float> wide = stretch(from, rows, cols, size, to_cols, stretching);
  return stretch(wide.data(), 1, rows, to_cols * size, to_rows, stretching);
}

}  // namespace hqq
