#include "cpu/reference.h"

#include <algorithm>
#include <cmath>

namespace hqq::reference {
namespace {

float round_to(float x, DType dtype) {
  if (dtype == DType::f16) return f16_to_f32(f32_to_f16(x));
  if (dtype == DType::bf16) return bf16_to_f32(f32_to_bf16(x));
  return x;
}

float meta_value(const TiledWeights& w, int64_t index) {
  float value;
  to_f32(w.meta.data() + index * size_of(w.meta_dtype), w.meta_dtype, &value, 1);
  return value;
}

}  // namespace

void rms_norm(const float* x, const float* weight, double eps, int64_t n, float* y) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  const double factor = 1.0 / std::sqrt(sum / static_cast<double>(n) + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * factor * weight[i]);
}

void swiglu(const float* gate, const float* up, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i)
    y[i] = static_cast<float>(gate[i] / (1.0 + std::exp(-static_cast<double>(gate[i]))) * up[i]);
}

void rope(float* head, const float* cos, const float* sin, int64_t rotary_dim) {
  const int64_t half = rotary_dim / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cos[i] - b * sin[i];
    head[i + half] = b * cos[i] + a * sin[i];
  }
}

void attention(const float* q, const float* k, const float* v, int64_t visible, int64_t dim, float* out) {
  std::vector<double> p(static_cast<size_t>(visible));
  for (int64_t i = 0; i < visible; ++i) {
    double dot = 0;
    for (int64_t d = 0; d < dim; ++d) dot += static_cast<double>(q[d]) * k[i * dim + d];
    p[static_cast<size_t>(i)] = dot / std::sqrt(static_cast<double>(dim));
  }
  const double best = *std::max_element(p.begin(), p.end());
  double total = 0;
  for (double& value : p) total += value = std::exp(value - best);
  for (int64_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (int64_t i = 0; i < visible; ++i) sum += p[static_cast<size_t>(i)] * v[i * dim + d];
    out[d] = static_cast<float>(sum / total);
  }
}

void matmul(const float* x, const float* w, const float* bias, int64_t tokens, int64_t out, int64_t in, float* y) {
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t o = 0; o < out; ++o) {
      double sum = bias ? bias[o] : 0.0;
      for (int64_t k = 0; k < in; ++k) sum += static_cast<double>(x[t * in + k]) * w[o * in + k];
      y[t * out + o] = static_cast<float>(sum);
    }
}

std::vector<float> dequantize(const TiledWeights& w) {
  std::vector<float> result(static_cast<size_t>(w.out * w.in));
  const int64_t padded = w.chunks * kChunkCols;
  for (int64_t b = 0; b < w.blocks; ++b)
    for (int64_t lane = 0; lane < kBlockRows; ++lane) {
      const int64_t row = w.row_of(b, lane);
      if (row < 0) continue;
      for (int64_t k = 0; k < w.in; ++k) {
        const int64_t scale_at =
            w.axis == 1 ? (b * w.segments + k / w.segment) * 32 + lane : w.class_of(b) * 2 * padded + k;
        const int64_t zero_at = scale_at + (w.axis == 1 ? 16 : padded);
        const float q = static_cast<float>(tiled_value(w, b, lane, k));
        const float centred = round_to(q - meta_value(w, zero_at), w.compute_dtype);
        result[static_cast<size_t>(row * w.in + k)] = round_to(centred * meta_value(w, scale_at), w.compute_dtype);
      }
    }
  return result;
}

std::vector<float> round_activations(const float* x, int64_t n) {
  std::vector<float> result(static_cast<size_t>(n));
  for (int64_t start = 0; start < n; start += kChunkCols) {
    const int64_t end = std::min(n, start + kChunkCols);
    float peak = 0;
    for (int64_t i = start; i < end; ++i) peak = std::max(peak, std::fabs(x[i]));
    for (int64_t i = start; i < end; ++i)
      result[static_cast<size_t>(i)] = peak > 0 ? std::nearbyint(x[i] * (127.0f / peak)) * (peak / 127.0f) : 0.0f;
  }
  return result;
}

}  // namespace hqq::reference
