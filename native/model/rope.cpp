#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hqq {

std::vector<float> rope_frequencies(const RopeConfig& rope, int64_t length) {
  const auto dim = static_cast<double>(rope.rotary_dim);
  double theta = rope.theta;
  if (rope.scaling == RopeScaling::dynamic) {
    const auto trained = static_cast<double>(rope.original_max_position);
    const double stretched =
        rope.factor * std::max(static_cast<double>(length), trained) / trained - (rope.factor - 1.0);
    theta *= std::pow(stretched, dim / (dim - 2.0));
  }
  std::vector<float> frequencies;
  for (int64_t i = 0; i < rope.rotary_dim; i += 2) {
    auto f = static_cast<float>(1.0 / std::pow(theta, static_cast<double>(i) / dim));
    if (rope.scaling == RopeScaling::linear) f = static_cast<float>(f / rope.factor);
    if (rope.scaling == RopeScaling::llama3) {
      // Long waves are stretched by `factor`, short ones kept, those between interpolated.
      const auto trained = static_cast<double>(rope.original_max_position);
      const double wavelength = 2.0 * std::numbers::pi / f;
      if (wavelength > trained / rope.low_freq_factor) {
        f = static_cast<float>(f / rope.factor);
      } else if (wavelength >= trained / rope.high_freq_factor) {
        const double smooth =
            (trained / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
        f = static_cast<float>((1.0 - smooth) * f / rope.factor + smooth * f);
      }
    }
    frequencies.push_back(f);
  }
  return frequencies;
}

void fill_rope_table(const std::vector<float>& frequencies, int64_t start, int64_t count, RopeTable& table) {
  table.half = static_cast<int64_t>(frequencies.size());
  table.cos.resize(static_cast<size_t>(count * table.half));
  table.sin.resize(static_cast<size_t>(count * table.half));
  for (int64_t p = 0; p < count; ++p)
    for (int64_t i = 0; i < table.half; ++i) {
      // The product in float32, as transformers has it; its cosine at full precision.
      const double angle = static_cast<float>(start + p) * frequencies[static_cast<size_t>(i)];
      table.cos[static_cast<size_t>(p * table.half + i)] = static_cast<float>(std::cos(angle));
      table.sin[static_cast<size_t>(p * table.half + i)] = static_cast<float>(std::sin(angle));
    }
}

void rotate_head(float* head, const float* cos, const float* sin, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cos[i] - b * sin[i];
    head[i + half] = b * cos[i] + a * sin[i];
  }
}

}  // namespace hqq
