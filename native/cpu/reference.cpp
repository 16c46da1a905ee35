#include "cpu/reference.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hqq::reference {
namespace {

double activation_of(Activation activation, double x) {
  switch (activation) {
    case Activation::silu: return x / (1.0 + std::exp(-x));
    case Activation::quick_gelu: return x / (1.0 + std::exp(-1.702 * x));
    case Activation::gelu: return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::relu: return std::max(x, 0.0);
  }
  return x;
}

}  // namespace

void rms_norm(const float* x, const float* weight, double eps, int64_t n, float* y) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  const double factor = 1.0 / std::sqrt(sum / static_cast<double>(n) + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * factor * weight[i]);
}

void layer_norm(const float* x, const float* weight, const float* bias, double eps, int64_t n, float* y) {
  double sum = 0, square = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
  const double factor = 1.0 / std::sqrt(square / static_cast<double>(n) + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>((x[i] - mean) * factor * weight[i] + bias[i]);
}

void activate(Activation activation, const float* gate, const float* up, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i)
    y[i] = static_cast<float>(activation_of(activation, gate[i]) * (up ? static_cast<double>(up[i]) : 1.0));
}

double softcap(double x, double cap) { return cap > 0 ? cap * std::tanh(x / cap) : x; }

void rope(float* head, const float* cos, const float* sin, int64_t rotary_dim) {
  const int64_t half = rotary_dim / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cos[i] - b * sin[i];
    head[i + half] = b * cos[i] + a * sin[i];
  }
}

void attention(const float* q, const float* k, const float* v, int64_t visible, int64_t dim, double cap, float* out) {
  std::vector<double> p(static_cast<size_t>(visible));
  for (int64_t i = 0; i < visible; ++i) {
    double dot = 0;
    for (int64_t d = 0; d < dim; ++d) dot += static_cast<double>(q[d]) * k[i * dim + d];
    p[static_cast<size_t>(i)] = softcap(dot / std::sqrt(static_cast<double>(dim)), cap);
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
  for (int64_t row = 0; row < w.out; ++row) read_tiled_row(w, row, result.data() + row * w.in);
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
