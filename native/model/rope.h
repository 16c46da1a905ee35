// Rotary position embedding: frequencies with every supported scaling, and the cos/sin rows of one forward call.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace hqq {

/// Inverse frequencies, rotary_dim / 2 of them, as transformers computes them in float32. `length` is the sequence
/// length: what `dynamic` stretches to, and where `longrope` changes its factors (no effect up to
/// original_max_position).
std::vector<float> rope_frequencies(const RopeConfig& rope, int64_t length);

/// cos and sin of positions [start, start + count), times the attention factor: each [count][rotary_dim / 2].
struct RopeTable {
  std::vector<float> cos, sin;
  int64_t half = 0;

  const float* cos_row(int64_t i) const { return cos.data() + i * half; }
  const float* sin_row(int64_t i) const { return sin.data() + i * half; }
};
void fill_rope_table(const std::vector<float>& frequencies, double attention_factor, int64_t start, int64_t count,
                     RopeTable& table);

/// Rotates pairs (i, i + rotary_dim/2) of one head in place; values beyond rotary_dim pass through.
void rotate_head(float* head, const float* cos, const float* sin, int64_t half);

}  // namespace hqq
