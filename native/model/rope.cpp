#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hqq {
namespace {

/// Long waves are stretched by `factor`, short ones kept, those between interpolated.
float llama3_frequency(const RopeConfig& rope, float f) {
  const auto trained = static_cast<double>(rope.original_max_position);
  const double wavelength = 2.0 * std::numbers::pi / f;
  if (wavelength > trained / rope.low_freq_factor) return static_cast<float>(f / rope.factor);
  if (wavelength < trained / rope.high_freq_factor) return f;
  const double smooth = (trained / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return static_cast<float>((1.0 - smooth) * f / rope.factor + smooth * f);
}

/// Pair at which a wave turns `rotations` times within the trained length.
double yarn_pair(const RopeConfig& rope, double rotations) {
  const double dim = static_cast<double>(rope.rotary_dim);
  return dim * std::log(static_cast<double>(rope.original_max_position) / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

/// Pairs that turn often keep their frequency, pairs that turn less than once are stretched, a ramp lies between.
float yarn_frequency(const RopeConfig& rope, int64_t pair, double kept) {
  double low = yarn_pair(rope, rope.beta_fast), high = yarn_pair(rope, rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(rope.rotary_dim - 1));
  if (low == high) high += 0.001;
  const double ramp = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return static_cast<float>(kept / rope.factor * ramp + kept * (1.0 - ramp));
}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& rope, int64_t length) {
  const auto dim = static_cast<double>(rope.rotary_dim);
  double theta = rope.theta;
  if (rope.scaling == RopeScaling::dynamic) {
    const auto trained = static_cast<double>(rope.original_max_position);
    const double stretched =
        rope.factor * std::max(static_cast<double>(length), trained) / trained - (rope.factor - 1.0);
    theta *= std::pow(stretched, dim / (dim - 2.0));
  }
  const auto& long_factors = length > rope.original_max_position ? rope.long_factor : rope.short_factor;
  std::vector<float> frequencies;
  for (int64_t i = 0; i < rope.rotary_dim; i += 2) {
    const double exact = 1.0 / std::pow(theta, static_cast<double>(i) / dim);
    auto f = static_cast<float>(exact);
    if (rope.scaling == RopeScaling::linear) f = static_cast<float>(f / rope.factor);
    if (rope.scaling == RopeScaling::llama3) f = llama3_frequency(rope, f);
    if (rope.scaling == RopeScaling::yarn) f = yarn_frequency(rope, i / 2, exact);
    if (rope.scaling == RopeScaling::longrope)
      f = static_cast<float>(exact / long_factors.at(static_cast<size_t>(i / 2)));
    frequencies.push_back(f);
  }
  return frequencies;
}

void fill_rope_table(const std::vector<float>& frequencies, double attention_factor, int64_t start, int64_t count,
                     RopeTable& table) {
  table.half = static_cast<int64_t>(frequencies.size());
  table.cos.resize(static_cast<size_t>(count * table.half));
  table.sin.resize(static_cast<size_t>(count * table.half));
  for (int64_t p = 0; p < count; ++p)
    for (int64_t i = 0; i < table.half; ++i) {
      // The product in float32, as transformers has it; its cosine at full precision.
      const double angle = static_cast<float>(start + p) * frequencies[static_cast<size_t>(i)];
      table.cos[static_cast<size_t>(p * table.half + i)] = static_cast<float>(std::cos(angle) * attention_factor);
      table.sin[static_cast<size_t>(p * table.half + i)] = static_cast<float>(std::sin(angle) * attention_factor);
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
