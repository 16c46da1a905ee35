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

  static F silu_times(F gate, F up) {
    const F one = S::set1(1.0f);
    const F e = simd_exp<S>(S::sub(S::zero(), gate));
    return S::mul(S::div(gate, S::add(one, e)), up);
  }
  static void swiglu(const float* gate, const float* up, int64_t n, float* y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) S::store(y + i, silu_times(S::load(gate + i), S::load(up + i)));
    if (i < n) store_tail(y + i, silu_times(load_tail(gate + i, n - i, 0.0f), load_tail(up + i, n - i, 0.0f)), n - i);
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
/// appears (online softmax, Milakov and Gimelshein 2018).
template <typename S>
void attention(const AttentionTile& tile) {
  using F = typename S::F;
  constexpr int64_t kBlock = 64;
  float scores[kMaxAttentionRows * kBlock];
  float best[kMaxAttentionRows], total[kMaxAttentionRows];
  int64_t last = 0;
  for (int64_t r = 0; r < tile.rows; ++r) {
    best[r] = -__builtin_inff();
    total[r] = 0.0f;
    last = tile.visible[r] > last ? tile.visible[r] : last;
    for (int64_t d = 0; d < tile.dim; d += 16) S::store(tile.out + r * tile.dim + d, S::zero());
  }
  for (int64_t start = 0; start < last; start += kBlock) {
    const int64_t count = last - start < kBlock ? last - start : kBlock;
    for (int64_t p = 0; p < count; p += 16)
      panel_gemm<S>(tile.q, tile.dim, tile.rows, tile.keys + (start + p) * tile.dim, 16, tile.dim, scores + p, kBlock,
                    false);
    for (int64_t r = 0; r < tile.rows; ++r) {
      float* row = scores + r * kBlock;
      int64_t seen = tile.visible[r] - start;
      seen = seen < 0 ? 0 : seen > count ? count : seen;
      float block_best = best[r];
      for (int64_t p = 0; p < seen; ++p) {
        row[p] *= tile.scale;
        block_best = row[p] > block_best ? row[p] : block_best;
      }
      for (int64_t p = seen; p < kBlock; ++p) row[p] = 0.0f;
      if (seen == 0) continue;
      const F shift = S::set1(block_best);
      F sum = S::zero();
      for (int64_t p = 0; p < seen; p += 16) {
        const F e = simd_exp<S>(S::sub(S::load(row + p), shift));
        if (p + 16 <= seen) {
          S::store(row + p, e);
          sum = S::add(sum, e);
        } else {
          VectorKernels<S>::store_tail(row + p, e, seen - p);
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
      panel_gemm<S>(scores, kBlock, tile.rows, tile.values + start * tile.dim + d, tile.dim, count, tile.out + d,
                    tile.dim, true);
  }
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t d = 0; d < tile.dim; d += 16)
      S::store(tile.out + r * tile.dim + d, S::mul(S::load(tile.out + r * tile.dim + d), S::set1(1.0f / total[r])));
}

}  // namespace hqq
