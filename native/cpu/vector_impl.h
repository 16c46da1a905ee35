// Vector kernels (norm, activation, log-sum-exp) and attention, for any Simd of cpu/simd_*.h.
#pragma once

#include "cpu/kernels.h"

namespace hqq {

/// exp to about 2 ulp (Cephes' polynomial); arguments are clamped to [-87, 88], so exp(-inf) is 1e-38 and not 0.
template <typename S>
inline typename S::F simd_exp(typename S::F x) {
  x = S::min(S::max(x, S::set1(-87.0f)), S::set1(88.0f));
  const auto n = S::round(S::mul(x, S::set1(1.44269504088896341f)));
  // ln 2 in two parts, so that n * ln2_high is exact.
  auto r = S::fnma(n, S::set1(0.693359375f), x);
  r = S::fnma(n, S::set1(-2.12194440e-4f), r);
  auto p = S::set1(1.9875691500e-4f);
  p = S::fma(p, r, S::set1(1.3981999507e-3f));
  p = S::fma(p, r, S::set1(8.3334519073e-3f));
  p = S::fma(p, r, S::set1(4.1665795894e-2f));
  p = S::fma(p, r, S::set1(1.6666665459e-1f));
  p = S::fma(p, r, S::set1(5.0000001201e-1f));
  const auto value = S::add(S::fma(p, S::mul(r, r), r), S::set1(1.0f));
  return S::mul(value, S::exp2_int(n));
}

/// Runs `body` on whole vectors of 16 and once more on a padded copy of the rest.
template <typename S>
struct VectorKernels {
  using F = typename S::F;

  static F load_tail(const float* p, int64_t n, float fill) {
    float lanes[16];
    for (int64_t i = 0; i < 16; ++i) lanes[i] = i < n ? p[i] : fill;
    return S::load(lanes);
  }
  static void store_tail(float* p, F v, int64_t n) {
    float lanes[16];
    S::store(lanes, v);
    for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
  }

  /// Stores the lanes [begin, end) of 16; both may lie outside.
  static void store_lanes(float* p, F v, int64_t begin, int64_t end) {
    float lanes[16];
    S::store(lanes, v);
    for (int64_t i = begin < 0 ? 0 : begin; i < end && i < 16; ++i) p[i] = lanes[i];
  }

  static void rms_norm(const float* x, const float* weight, float eps, int64_t n, float* y) {
    F sum = S::zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) sum = S::fma(S::load(x + i), S::load(x + i), sum);
    if (i < n) {
      const F rest = load_tail(x + i, n - i, 0.0f);
      sum = S::fma(rest, rest, sum);
    }
    const float mean = S::reduce_add(sum) / static_cast<float>(n);
    const F factor = S::set1(1.0f / __builtin_sqrtf(mean + eps));
    for (i = 0; i + 16 <= n; i += 16) S::store(y + i, S::mul(S::mul(S::load(x + i), factor), S::load(weight + i)));
    if (i < n)
      store_tail(y + i, S::mul(S::mul(load_tail(x + i, n - i, 0.0f), factor), load_tail(weight + i, n - i, 0.0f)),
                 n - i);
  }

  static void layer_norm(const float* x, const float* weight, const float* bias, float eps, int64_t n, float* y) {
    F sum = S::zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) sum = S::add(sum, S::load(x + i));
    if (i < n) sum = S::add(sum, load_tail(x + i, n - i, 0.0f));
    const float mean = S::reduce_add(sum) / static_cast<float>(n);
    const F centre = S::set1(mean);
    F square = S::zero();
    for (i = 0; i + 16 <= n; i += 16) {
      const F d = S::sub(S::load(x + i), centre);
      square = S::fma(d, d, square);
    }
    if (i < n) {
      const F d = S::sub(load_tail(x + i, n - i, mean), centre);
      square = S::fma(d, d, square);
    }
    const F factor = S::set1(1.0f / __builtin_sqrtf(S::reduce_add(square) / static_cast<float>(n) + eps));
    const auto scaled = [&](F value, F w, F b) { return S::add(S::mul(S::mul(S::sub(value, centre), factor), w), b); };
    for (i = 0; i + 16 <= n; i += 16)
      S::store(y + i, scaled(S::load(x + i), S::load(weight + i), S::load(bias + i)));
    if (i < n)
      store_tail(y + i,
                 scaled(load_tail(x + i, n - i, 0.0f), load_tail(weight + i, n - i, 0.0f),
                        load_tail(bias + i, n - i, 0.0f)),
                 n - i);
  }

  /// x / (1 + exp(-slope * x)); slope may depend on x.
  static F sigmoid_times(F x, F slope) {
    return S::div(x, S::add(S::set1(1.0f), simd_exp<S>(S::sub(S::zero(), S::mul(slope, x)))));
  }
  static F activation_of(Activation activation, F x) {
    switch (activation) {
      case Activation::silu: return sigmoid_times(x, S::set1(1.0f));
      case Activation::quick_gelu: return sigmoid_times(x, S::set1(1.702f));
      case Activation::relu: return S::max(x, S::zero());
      case Activation::gelu_tanh: {
        // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3)
        const F slope = S::fma(S::mul(x, x), S::set1(2 * 0.7978845608f * 0.044715f), S::set1(2 * 0.7978845608f));
        return sigmoid_times(x, slope);
      }
      case Activation::gelu: {
        // erf by Abramowitz and Stegun 7.1.26, good to 1.5e-7: the density times a polynomial is the smaller tail.
        const F magnitude = S::mul(S::abs(x), S::set1(0.70710678f));
        const F t = S::div(S::set1(1.0f), S::fma(magnitude, S::set1(0.3275911f), S::set1(1.0f)));
        F p = S::set1(1.061405429f);
        p = S::fma(p, t, S::set1(-1.453152027f));
        p = S::fma(p, t, S::set1(1.421413741f));
        p = S::fma(p, t, S::set1(-0.284496736f));
        p = S::mul(S::fma(p, t, S::set1(0.254829592f)), t);
        const F tail = S::mul(p, simd_exp<S>(S::sub(S::zero(), S::mul(magnitude, magnitude))));
        // x Phi(x) = max(x, 0) - |x| tail / 2 on both sides of zero
        return S::fnma(S::mul(S::abs(x), S::set1(0.5f)), tail, S::max(x, S::zero()));
      }
    }
    return x;
  }
  static void activate(Activation activation, const float* gate, const float* up, int64_t n, float* y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const F value = activation_of(activation, S::load(gate + i));
      S::store(y + i, up ? S::mul(value, S::load(up + i)) : value);
    }
    if (i < n) {
      const F value = activation_of(activation, load_tail(gate + i, n - i, 0.0f));
      store_tail(y + i, up ? S::mul(value, load_tail(up + i, n - i, 0.0f)) : value, n - i);
    }
  }

  /// cap * tanh(x / cap), tanh(v) = 1 - 2 / (exp(2v) + 1)
  static F capped(F x, float cap) {
    const F e = simd_exp<S>(S::mul(x, S::set1(2.0f / cap)));
    return S::sub(S::set1(cap), S::div(S::set1(2.0f * cap), S::add(e, S::set1(1.0f))));
  }
  static void softcap(float* x, float cap, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) S::store(x + i, capped(S::load(x + i), cap));
    if (i < n) store_tail(x + i, capped(load_tail(x + i, n - i, 0.0f), cap), n - i);
  }

  static void add(float* x, const float* y, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) S::store(x + i, S::add(S::load(x + i), S::load(y + i)));
    for (; i < n; ++i) x[i] += y[i];
  }

  static void log_sum_exp(const float* x, int64_t n, float* max, float* sum) {
    F best = load_tail(x, n < 16 ? n : 16, x[0]);
    int64_t i = 16;
    for (; i + 16 <= n; i += 16) best = S::max(best, S::load(x + i));
    if (i < n) best = S::max(best, load_tail(x + i, n - i, x[0]));
    *max = S::reduce_max(best);
    const F shift = S::set1(*max);
    // Sums of 4096 at a time go to double: the vocabulary is long and its terms span many magnitudes.
    double total = 0.0;
    for (i = 0; i + 16 <= n;) {
      F part = S::zero();
      for (int64_t stop = i + 4096; i + 16 <= n && i < stop; i += 16)
        part = S::add(part, simd_exp<S>(S::sub(S::load(x + i), shift)));
      total += static_cast<double>(S::reduce_add(part));
    }
    for (; i < n; ++i) total += static_cast<double>(__builtin_expf(x[i] - *max));
    *sum = static_cast<float>(total);
  }
};

/// The float32 micro-kernel that all batched work ends in: `T` tokens x 16 columns, `U` independent sums per element so
/// that few tokens still fill the multiply pipes.
template <typename S, int T, int U>
inline void panel_tile(const float* x, int64_t x_stride, const float* panel, int64_t panel_stride, int64_t cols,
                       float* c, int64_t c_stride, bool accumulate) {
  using F = typename S::F;
  F acc[T][U];
  for (int t = 0; t < T; ++t) {
    acc[t][0] = accumulate ? S::load(c + t * c_stride) : S::zero();
    for (int u = 1; u < U; ++u) acc[t][u] = S::zero();
  }
  int64_t k = 0;
  for (; k + U <= cols; k += U)
    for (int u = 0; u < U; ++u) {
      const F row = S::load(panel + (k + u) * panel_stride);
      for (int t = 0; t < T; ++t) acc[t][u] = S::fma(S::set1(x[t * x_stride + k + u]), row, acc[t][u]);
    }
  for (; k < cols; ++k) {
    const F row = S::load(panel + k * panel_stride);
    for (int t = 0; t < T; ++t) acc[t][0] = S::fma(S::set1(x[t * x_stride + k]), row, acc[t][0]);
  }
  for (int t = 0; t < T; ++t) {
    for (int u = 1; u < U; ++u) acc[t][0] = S::add(acc[t][0], acc[t][u]);
    S::store(c + t * c_stride, acc[t][0]);
  }
}

/// Tokens in tiles of T, the rest in one smaller tile.
template <typename S, int T = S::kTokenTile>
inline void panel_gemm(const float* x, int64_t x_stride, int64_t tokens, const float* panel, int64_t panel_stride,
                       int64_t cols, float* c, int64_t c_stride, bool accumulate) {
  constexpr int unroll = T == 1 ? 4 : T == 2 ? 2 : 1;
  int64_t t = 0;
  for (; t + T <= tokens; t += T)
    panel_tile<S, T, unroll>(x + t * x_stride, x_stride, panel, panel_stride, cols, c + t * c_stride, c_stride,
                             accumulate);
  if constexpr (T > 1)
    if (t < tokens)
      panel_gemm<S, T - 1>(x + t * x_stride, x_stride, tokens - t, panel, panel_stride, cols, c + t * c_stride,
                           c_stride, accumulate);
}

/// Softmax(q K^T * scale) V in one pass over blocks of 64 positions, rescaling the running sums when a larger maximum
/// appears (online softmax, Milakov and Gimelshein 2018). Blocks that no row's window reaches are not read.
template <typename S>
void attention(const AttentionTile& tile) {
  using F = typename S::F;
  constexpr int64_t kBlock = 64;
  float scores[kMaxAttentionRows * kBlock];
  float best[kMaxAttentionRows], total[kMaxAttentionRows];
  int64_t last = 0, first = tile.visible[0];
  const auto first_of = [&](int64_t r) {
    return tile.window > 0 && tile.visible[r] > tile.window ? tile.visible[r] - tile.window : 0;
  };
  for (int64_t r = 0; r < tile.rows; ++r) {
    best[r] = -__builtin_inff();
    total[r] = 0.0f;
    last = tile.visible[r] > last ? tile.visible[r] : last;
    first = first_of(r) < first ? first_of(r) : first;
    for (int64_t d = 0; d < tile.dim; d += 16) S::store(tile.out + r * tile.dim + d, S::zero());
  }
  for (int64_t start = first / kBlock * kBlock; start < last; start += kBlock) {
    const int64_t count = last - start < kBlock ? last - start : kBlock, slot = start % tile.slots;
    for (int64_t p = 0; p < count; p += 16)
      panel_gemm<S>(tile.q, tile.dim, tile.rows, tile.keys + (slot + p) * tile.dim, 16, tile.dim, scores + p, kBlock,
                    false);
    for (int64_t r = 0; r < tile.rows; ++r) {
      float* row = scores + r * kBlock;
      int64_t seen = tile.visible[r] - start, from = first_of(r) - start;
      seen = seen < 0 ? 0 : seen > count ? count : seen;
      from = from < 0 ? 0 : from > seen ? seen : from;
      float block_best = best[r];
      for (int64_t p = from; p < seen; ++p) row[p] *= tile.scale;
      if (tile.softcap > 0.0f) VectorKernels<S>::softcap(row + from, tile.softcap, seen - from);
      for (int64_t p = from; p < seen; ++p) block_best = row[p] > block_best ? row[p] : block_best;
      for (int64_t p = 0; p < from; ++p) row[p] = 0.0f;
      for (int64_t p = seen; p < kBlock; ++p) row[p] = 0.0f;
      if (seen == from) continue;
      const F shift = S::set1(block_best);
      F sum = S::zero();
      for (int64_t p = from / 16 * 16; p < seen; p += 16) {
        const F e = simd_exp<S>(S::sub(S::load(row + p), shift));
        if (p >= from && p + 16 <= seen) {
          S::store(row + p, e);
          sum = S::add(sum, e);
        } else {
          VectorKernels<S>::store_lanes(row + p, e, from - p, seen - p);
          sum = S::add(sum, S::load(row + p));
        }
      }
      const float shrink = total[r] == 0.0f ? 0.0f : __builtin_expf(best[r] - block_best);
      best[r] = block_best;
      total[r] = total[r] * shrink + S::reduce_add(sum);
      if (shrink != 1.0f)
        for (int64_t d = 0; d < tile.dim; d += 16)
          S::store(tile.out + r * tile.dim + d, S::mul(S::load(tile.out + r * tile.dim + d), S::set1(shrink)));
    }
    for (int64_t d = 0; d < tile.dim; d += 16)
      panel_gemm<S>(scores, kBlock, tile.rows, tile.values + slot * tile.dim + d, tile.dim, count, tile.out + d,
                    tile.dim, true);
  }
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t d = 0; d < tile.dim; d += 16)
      S::store(tile.out + r * tile.dim + d, S::mul(S::load(tile.out + r * tile.dim + d), S::set1(1.0f / total[r])));
}

}  // namespace hqq
