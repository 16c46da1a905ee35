#include "quant/reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "quant/solver.h"

namespace hqq {
namespace {

// PyTorch sums float32 in a fixed but not obvious order. It decides the last bit of every zero point and, through the mean
// error, the step at which the optimizer stops, so it is followed here: `Row` i consists of `width` values that are added
// lane by lane; rows are summed in blocks of 16 or more, the blocks' sums in blocks again, four levels deep.

using Lanes = std::vector<float>;

void add(Lanes& to, const Lanes& from) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

template <typename RowValue>
Lanes cascade(int64_t rows, size_t width, RowValue value) {
  int64_t log_rows = 0;
  while ((int64_t{1} << log_rows) < rows) ++log_rows;
  const int64_t power = std::max<int64_t>(4, log_rows / 4), step = int64_t{1} << power;
  std::array<Lanes, 4> level;
  level.fill(Lanes(width, 0.0f));
  const auto add_row = [&](int64_t row) {
    for (size_t lane = 0; lane < width; ++lane) level[0][lane] += value(row, static_cast<int64_t>(lane));
  };
  int64_t row = 0;
  while (row + step <= rows) {
    for (const int64_t end = row + step; row < end; ++row) add_row(row);
    for (size_t j = 1; j < 4; ++j) {
      add(level[j], level[j - 1]);
      level[j - 1].assign(width, 0.0f);
      if ((row & ((step - 1) << (static_cast<int64_t>(j) * power))) != 0) break;
    }
  }
  for (; row < rows; ++row) add_row(row);
  for (size_t j = 1; j < 4; ++j) add(level[0], level[j]);
  return level[0];
}

/// Values `width` wide, four of them at a time side by side; the four are added at the end.
template <typename RowValue>
Lanes four_at_a_time(int64_t count, size_t width, RowValue value) {
  const int64_t quads = count / 4, w = static_cast<int64_t>(width);
  const Lanes side_by_side = cascade(quads, 4 * width, [&](int64_t i, int64_t lane) { return value(i * 4 + lane / w, lane % w); });
  std::array<Lanes, 4> parts;
  for (size_t k = 0; k < 4; ++k) {
    parts[k].assign(side_by_side.begin() + static_cast<int64_t>(k) * w, side_by_side.begin() + static_cast<int64_t>(k + 1) * w);
  }
  for (int64_t i = quads * 4; i < count; ++i) {
    for (int64_t lane = 0; lane < w; ++lane) parts[0][static_cast<size_t>(lane)] += value(i, lane);
  }
  for (size_t k = 1; k < 4; ++k) add(parts[0], parts[k]);
  return parts[0];
}

/// Sum over contiguous values: vectors of eight lanes, then the lanes.
template <typename Value>
float contiguous_sum(int64_t n, Value value) {
  if (n < 8) return four_at_a_time(n, 1, [&](int64_t i, int64_t) { return value(i); })[0];
  const Lanes lanes = four_at_a_time(n / 8, 8, [&](int64_t i, int64_t lane) { return value(i * 8 + lane); });
  float sum = 0;
  for (int64_t i = n / 8 * 8; i < n; ++i) sum += value(i);
  for (const float lane : lanes) sum += lane;
  return sum;
}

/// Sum down one column of a [rows, cols] matrix: most columns row after row, the last few (cols % 32) four rows at a time.
template <typename Value>
float column_sum(int64_t rows, int64_t column, int64_t cols, Value value) {
  const int64_t plain = cols >= 8 ? cols / 32 * 32 : cols / 4 * 4;
  const auto as_row = [&](int64_t i, int64_t) { return value(i); };
  return column < plain ? cascade(rows, 1, as_row)[0] : four_at_a_time(rows, 1, as_row)[0];
}

/// sign(e) * max(|e| - |e|^(p-1) / beta, 0) with p = 0.7, beta = 10: the generalized soft threshold of the half-quadratic split.
float shrink(float e) {
  const float magnitude = std::fabs(e);
  if (magnitude <= 0.17f) return 0.0f;  // |e|^(p-1) / beta exceeds |e| below 0.17013
  return std::copysign(std::max(magnitude - 0.1f * shrink_power(magnitude), 0.0f), e);
}

}  // namespace

ReferenceResult quantize_reference(const std::vector<float>& weight, const Shape& shape, const QuantConfig& config) {
  const Grouping view = resolve_grouping(config, shape);
  const int64_t n = view.numel();
  const float max_value = static_cast<float>(max_quantized_value(config.nbits));
  const auto group_of = [&](int64_t i) { return view.per_tensor ? 0 : config.axis == 1 ? i / view.cols : i % view.cols; };
  const auto element = [&](int64_t group, int64_t k) {
    return config.axis == 1 || view.per_tensor ? group * view.group_size + k : k * view.cols + group;
  };
  const auto at = [](const std::vector<float>& v, int64_t i) { return v[static_cast<size_t>(i)]; };

  // Scale and zero from each group's range.
  std::vector<float> s(static_cast<size_t>(view.groups)), zero(s.size());
  for (int64_t group = 0; group < view.groups; ++group) {
    float low = at(weight, element(group, 0)), high = low;
    for (int64_t k = 1; k < view.group_size; ++k) {
      low = std::min(low, at(weight, element(group, k)));
      high = std::max(high, at(weight, element(group, k)));
    }
    const auto g = static_cast<size_t>(group);
    initial_affine(low, high, SolveParams{max_value, config.round_zero, 0}, &s[g], &zero[g]);
  }

  const auto quantized = [&](int64_t i) {
    const auto g = static_cast<size_t>(group_of(i));
    return std::clamp(std::nearbyint(at(weight, i) * s[g] + zero[g]), 0.0f, max_value);
  };

  ReferenceResult result;
  const int steps = config.optimize && !view.per_tensor ? kSolverSteps : 0;
  float best = std::numeric_limits<float>::infinity();
  std::vector<float> difference(weight.size()), abs_error(weight.size());
  for (int step = 0; step < steps; ++step) {
    for (int64_t i = 0; i < n; ++i) {
      const auto g = static_cast<size_t>(group_of(i));
      const float x = at(weight, i), q = quantized(i);
      const float error = x - (q - zero[g]) / s[g];
      abs_error[static_cast<size_t>(i)] = std::fabs(error);
      difference[static_cast<size_t>(i)] = q - (x - shrink(error)) * s[g];
    }
    for (int64_t group = 0; group < view.groups; ++group) {
      const auto value = [&](int64_t k) { return at(difference, element(group, k)); };
      const float sum = view.contiguous() ? contiguous_sum(view.group_size, value)
                                          : column_sum(view.group_size, group, view.cols, value);
      zero[static_cast<size_t>(group)] = sum / static_cast<float>(view.group_size);
    }
    const float error = contiguous_sum(n, [&](int64_t i) { return at(abs_error, i); }) / static_cast<float>(n);
    result.errors.push_back(error);
    if (!(error < best)) break;  // the zeros of this last step are kept: nothing is rolled back
    best = error;
  }

  result.q.resize(weight.size());
  for (int64_t i = 0; i < n; ++i) result.q[static_cast<size_t>(i)] = static_cast<uint8_t>(quantized(i));
  result.zero = zero;
  for (const float inverse : s) result.scale.push_back(1.0f / inverse);
  return result;
}

}  // namespace hqq
