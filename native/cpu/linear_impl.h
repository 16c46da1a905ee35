// Linear-layer kernels (dense and tiled weights, float32 and 8-bit activations), for any Simd of cpu/simd_*.h.
#pragma once

#include <utility>

#include "cpu/kernels.h"

namespace hqq {

template <typename S, DType D>
inline typename S::F load_as(const std::byte* p) {
  if constexpr (D == DType::f16) return S::load_f16(p);
  else if constexpr (D == DType::bf16) return S::load_bf16(p);
  else return S::load(reinterpret_cast<const float*>(p));
}

template <typename S>
inline typename S::F load_meta(const std::byte* p, DType dtype) {
  switch (dtype) {
    case DType::f16: return S::load_f16(p);
    case DType::bf16: return S::load_bf16(p);
    default: return S::load(reinterpret_cast<const float*>(p));
  }
}

/// Quads 2P and 2P+1 of a chunk as bytes (layout in cpu/tiled.h).
template <typename S, int NBits, int P>
inline void load_pair(const uint8_t* chunk, typename S::B& q0, typename S::B& q1) {
  if constexpr (NBits == 8) {
    q0 = S::load_bytes(chunk + 2 * P * 64);
    q1 = S::load_bytes(chunk + (2 * P + 1) * 64);
  } else if constexpr (NBits == 4) {
    const auto v = S::load_bytes(chunk + P * 64);
    q0 = S::template field<0>(v, 15);
    q1 = S::template field<4>(v, 15);
  } else if constexpr (NBits == 2) {
    const auto v = S::load_bytes(chunk + P / 2 * 64);
    constexpr int shift = P % 2 * 4;
    q0 = S::template field<shift>(v, 3);
    q1 = S::template field<shift + 2>(v, 3);
  } else if constexpr (NBits == 1) {
    const auto v = S::load_bytes(chunk + P / 4 * 64);
    constexpr int shift = P % 4 * 2;
    q0 = S::template field<shift>(v, 1);
    q1 = S::template field<shift + 1>(v, 1);
  } else {
    // Two planes: the high one is shifted into place above the low one's bits.
    constexpr int low_bits = NBits == 3 ? 2 : 4, high_bits = NBits - low_bits;
    load_pair<S, low_bits, P>(chunk, q0, q1);
    constexpr int per_vector = 8 / high_bits, pairs = per_vector / 2;
    const auto v = S::load_bytes(chunk + 128 * low_bits + P / pairs * 64);
    constexpr int shift = P % pairs * 2 * high_bits;
    constexpr uint8_t mask = ((1 << high_bits) - 1) << low_bits;
    q0 = S::bit_or(q0, S::template field<shift - low_bits>(v, mask));
    q1 = S::bit_or(q1, S::template field<shift + high_bits - low_bits>(v, mask));
  }
}

/// Calls step.template operator()<P>() for the first `pairs` of a chunk's 8 pairs.
template <typename Step>
inline __attribute__((always_inline)) void each_pair(int64_t pairs, Step&& step) {
  [&]<int... P>(std::integer_sequence<int, P...>) __attribute__((always_inline)) {
    ((P < pairs ? step.template operator()<P>() : void()), ...);
  }
  (std::make_integer_sequence<int, 8>{});
}

template <typename S>
struct LinearKernels {
  using F = typename S::F;
  using I = typename S::I;
  using B = typename S::B;

  // ---------- dense ----------
  template <DType D, int R>
  static void dot_rows(const DenseRows& w, const float* x, int64_t row, float* y) {
    constexpr int64_t size = size_of(D);
    const std::byte* p[R];
    F acc[R];
    for (int r = 0; r < R; ++r) {
      p[r] = w.row(row + r);
      acc[r] = S::zero();
    }
    int64_t k = 0;
    for (; k + 16 <= w.in; k += 16) {
      const F v = S::load(x + k);
      for (int r = 0; r < R; ++r) acc[r] = S::fma(load_as<S, D>(p[r] + k * size), v, acc[r]);
    }
    for (int r = 0; r < R; ++r) {
      float sum = S::reduce_add(acc[r]);
      for (int64_t i = k; i < w.in; ++i) sum += element(p[r] + i * size, D) * x[i];
      y[row + r] = sum;
    }
  }
  static float element(const std::byte* p, DType d) {
    if (d == DType::f32) {
      float v;
      __builtin_memcpy(&v, p, 4);
      return v;
    }
    uint16_t h;
    __builtin_memcpy(&h, p, 2);
    return d == DType::f16 ? f16_to_f32(h) : bf16_to_f32(h);
  }
  template <DType D>
  static void dense_gemv_as(const DenseRows& w, const float* x, int64_t begin, int64_t end, float* y) {
    int64_t r = begin;
    for (; r + 4 <= end; r += 4) dot_rows<D, 4>(w, x, r, y);
    for (; r < end; ++r) dot_rows<D, 1>(w, x, r, y);
  }
  static void dense_gemv(const DenseRows& w, const float* x, int64_t begin, int64_t end, float* y) {
    switch (w.dtype) {
      case DType::f16: return dense_gemv_as<DType::f16>(w, x, begin, end, y);
      case DType::bf16: return dense_gemv_as<DType::bf16>(w, x, begin, end, y);
      default: return dense_gemv_as<DType::f32>(w, x, begin, end, y);
    }
  }
  static void dense_panel(const DenseRows& w, int64_t row, int64_t k0, int64_t cols, float* panel) {
    const int64_t size = size_of(w.dtype);
    const int64_t rows = w.out - row < kBlockRows ? w.out - row : kBlockRows;
    alignas(64) float strip[kBlockRows][16];
    for (int64_t k = 0; k < cols; k += 16) {
      const int64_t n = cols - k < 16 ? cols - k : 16;
      for (int64_t r = 0; r < kBlockRows; ++r) {
        const std::byte* p = r < rows ? w.row(row + r) + (k0 + k) * size : nullptr;
        if (p && n == 16) S::store(strip[r], load_meta<S>(p, w.dtype));
        else
          for (int64_t i = 0; i < 16; ++i) strip[r][i] = p && i < n ? element(p + i * size, w.dtype) : 0.0f;
      }
      for (int64_t i = 0; i < n; ++i)
        for (int64_t r = 0; r < kBlockRows; ++r) panel[(k + i) * 16 + r] = strip[r][i];
    }
  }

  // ---------- dequantize ----------
  /// (q - zero) * scale, both steps rounded to float16 or bfloat16 as HQQLinear's arithmetic in that dtype rounds them.
  static __attribute__((noinline)) F dequantize_half(F q, F zero, F scale, DType dtype) {
    if (dtype == DType::f16) return S::round_f16(S::mul(S::round_f16(S::sub(q, zero)), scale));
    return S::round_bf16(S::mul(S::round_bf16(S::sub(q, zero)), scale));
  }
  static F dequantize(F q, F zero, F scale, DType dtype) {
    return dtype == DType::f32 ? S::mul(S::sub(q, zero), scale) : dequantize_half(q, zero, scale, dtype);
  }
  /// axis 1: scale and zero are one per lane and segment; axis 0: one per column.
  template <int NBits>
  static void panel_bits(const TiledWeights& w, int64_t block, int64_t k0, int64_t cols, float* panel) {
    const int64_t size = size_of(w.meta_dtype);
    const std::byte* meta = w.meta.template as<std::byte>();
    const std::byte* column_scale = meta + w.class_of(block) * 2 * w.chunks * kChunkCols * size;
    const std::byte* column_zero = column_scale + w.chunks * kChunkCols * size;
    const DType compute = w.compute_dtype;
    for (int64_t k = k0; k < k0 + cols; k += kChunkCols) {
      const uint8_t* chunk = w.chunk(block, k / kChunkCols);
      float* out = panel + (k - k0) * 16;
      F scale = S::zero(), zero = S::zero();
      int64_t loaded = -1;
      each_pair((k0 + cols - k + 7) / 8, [&]<int P>() HQQ_STEP {
        B q[2];
        load_pair<S, NBits, P>(chunk, q[0], q[1]);
        const int64_t first = k + P * 8;
        if (w.axis == 1) {
          if (const int64_t segment = first / w.segment; segment != loaded) {
            const std::byte* m = meta + (block * w.segments + segment) * 32 * size;
            scale = load_meta<S>(m, w.meta_dtype);
            zero = load_meta<S>(m + 16 * size, w.meta_dtype);
            loaded = segment;
          }
        }
        for (int i = 0; i < 2; ++i) {
          const F values[4] = {S::template byte_to_float<0>(q[i]), S::template byte_to_float<1>(q[i]),
                               S::template byte_to_float<2>(q[i]), S::template byte_to_float<3>(q[i])};
          for (int j = 0; j < 4; ++j) {
            const int64_t column = first + i * 4 + j;
            if (w.axis == 0) {
              zero = S::set1(element(column_zero + column * size, w.meta_dtype));
              scale = S::set1(element(column_scale + column * size, w.meta_dtype));
            }
            S::store(out + (column - k) * 16, dequantize(values[j], zero, scale, compute));
          }
        }
      });
    }
  }
  static void tiled_panel(const TiledWeights& w, int64_t block, int64_t k0, int64_t cols, float* panel) {
    dispatch(w.nbits, [&]<int NBits>() { panel_bits<NBits>(w, block, k0, cols, panel); });
  }

  // ---------- 8-bit activations ----------
  /// Rounds 64 floats to 8 bits; returns the scale.
  static float quantize_chunk(const F (&v)[4], int8_t* q) {
    F top = S::abs(v[0]);
    for (int i = 1; i < 4; ++i) top = S::max(top, S::abs(v[i]));
    const float peak = S::reduce_max(top);
    const F inverse = S::set1(peak > 0.0f ? 127.0f / peak : 0.0f);
    for (int i = 0; i < 4; ++i) S::store_i8(q + 16 * i, S::round(S::mul(v[i], inverse)));
    return peak / 127.0f;
  }
  static void fill_prefix(const QuantizedRows& row) {
    int32_t sum = 0;
    for (int64_t i = 0; i < row.padded_cols / 8; ++i) {
      row.prefix[i] = sum;
      for (int j = 0; j < 8; ++j) sum += row.q[8 * i + j];
    }
    row.prefix[row.padded_cols / 8] = sum;
  }
  static F load_upto(const float* x, int64_t k, int64_t cols) {
    if (k + 16 <= cols) return S::load(x + k);
    float lanes[16];
    for (int64_t i = 0; i < 16; ++i) lanes[i] = k + i < cols ? x[k + i] : 0.0f;
    return S::load(lanes);
  }
  static void quantize_row(const float* x, int64_t cols, const QuantizedRows& row) {
    for (int64_t k = 0; k < row.padded_cols; k += kChunkCols) {
      const F v[4] = {load_upto(x, k, cols), load_upto(x, k + 16, cols), load_upto(x, k + 32, cols),
                      load_upto(x, k + 48, cols)};
      row.scale[k / kChunkCols] = quantize_chunk(v, row.q + k);
    }
    fill_prefix(row);
  }

  /// One token x one block, weights straight from their packed form: what decoding spends its time in. `Whole`:
  /// segments of whole chunks, one correction per chunk and no tests inside it.
  template <int NBits, bool Whole>
  static void vector_block(const TiledWeights& w, const QuantizedRows& x, int64_t block, float* c) {
    constexpr int kWiden = S::template kPairsPerWiden<NBits>;
    const DType meta_dtype = w.meta_dtype;
    const int64_t half = 16 * size_of(meta_dtype);  // bytes of 16 scales
    const std::byte* meta = w.meta.template as<std::byte>() + block * w.segments * 2 * half;
    const int64_t segment_pairs = Whole ? 8 : w.segment / 8;
    const int64_t chunks_per_segment = Whole ? w.segment / kChunkCols : 1;
    const uint8_t* chunk = w.chunk(block, 0);
    F acc = S::zero();
    int64_t left_in_segment = chunks_per_segment;
    for (int64_t ch = 0; ch < w.chunks; ++ch, chunk += w.chunk_bytes) {
      const int8_t* q = x.q + ch * kChunkCols;
      const F step = S::set1(x.scale[ch]);
      auto partial = S::template zero_partial<NBits>();
      I dot = S::zero_i();
      // Adds what the segment ending at pair `end` of this chunk contributes: (dot - zero * sum(x)) * scale * x's
      // scale.
      const auto correct = [&](int64_t end) {
        const int32_t* prefix = x.prefix + ch * 8 + end;
        const F sum = S::set1(static_cast<float>(prefix[0] - prefix[-segment_pairs]));
        const F centred = S::fnma(load_meta<S>(meta + half, meta_dtype), sum, S::to_float(dot));
        acc = S::fma(centred, S::mul(load_meta<S>(meta, meta_dtype), step), acc);
        dot = S::zero_i();
      };
      each_pair(Whole ? 8 : (w.in - ch * kChunkCols) / 8, [&]<int P>() HQQ_STEP {
        B q0, q1;
        load_pair<S, NBits, P>(chunk, q0, q1);
        S::template dot_pair<NBits>(partial, q0, q1, q + P * 8);
        const bool ends = !Whole && ((P + 1) & (segment_pairs - 1)) == 0;
        if (ends || (P + 1) % kWiden == 0) S::template widen<NBits>(dot, partial);
        if (ends) {
          correct(P + 1);
          meta += 2 * half;
        }
      });
      if constexpr (Whole) {
        correct(8);
        if (--left_in_segment == 0) {
          meta += 2 * half;
          left_in_segment = chunks_per_segment;
        }
      }
    }
    S::store(c, acc);
  }

  /// A block's weights as bytes and its scales and zeros as float32, for kPanelChunks chunks: unpacked once for all
  /// tokens.
  static constexpr int64_t kPanelChunks = 4;
  struct BytePanel {
    alignas(64) uint8_t bytes[kPanelChunks * 1024];
    alignas(64) float meta[kPanelChunks * 8 * 32];  // a segment holds at least 8 columns
  };
  template <int NBits>
  static void fill_panel(const TiledWeights& w, int64_t block, int64_t ch0, int64_t chunks, BytePanel& panel) {
    for (int64_t i = 0; i < chunks; ++i)
      each_pair(8, [&]<int P>() HQQ_STEP {
        B q0, q1;
        load_pair<S, NBits, P>(w.chunk(block, ch0 + i), q0, q1);
        S::store_bytes(panel.bytes + i * 1024 + P * 128, q0);
        S::store_bytes(panel.bytes + i * 1024 + P * 128 + 64, q1);
      });
    const int64_t size = size_of(w.meta_dtype), run = w.segment < kChunkCols ? w.segment : kChunkCols;
    const std::byte* meta = w.meta.template as<std::byte>() + block * w.segments * 32 * size;
    const int64_t end = (ch0 + chunks) * kChunkCols < w.in ? (ch0 + chunks) * kChunkCols : w.in;
    float* to = panel.meta;
    for (int64_t k = ch0 * kChunkCols; k < end; k += run, to += 32) {
      const std::byte* from = meta + k / w.segment * 32 * size;
      S::store(to, load_meta<S>(from, w.meta_dtype));
      S::store(to + 16, load_meta<S>(from + 16 * size, w.meta_dtype));
    }
  }
  template <int NBits, int T>
  static void tile_panel(const TiledWeights& w, const QuantizedRows& x, int64_t t0, int64_t ch0, int64_t chunks,
                         const BytePanel& panel, float* c) {
    const QuantizedRows first = x.row(t0);
    const int64_t padded = x.padded_cols, prefix_stride = padded / 8 + 1, scale_stride = padded / kChunkCols;
    const int64_t pairs = w.segment < kChunkCols ? w.segment / 8 : 8;
    F acc[T];
    for (int t = 0; t < T; ++t) acc[t] = ch0 > 0 ? S::load(c + t * 16) : S::zero();
    const float* meta = panel.meta;
    for (int64_t ch = ch0; ch < ch0 + chunks; ++ch) {
      const int64_t end = (w.in - ch * kChunkCols) / 8 < 8 ? (w.in - ch * kChunkCols) / 8 : 8;
      for (int64_t p = 0; p < end; p += pairs, meta += 32) {
        I dot[T];
        S::template dot_tile<NBits, T>(panel.bytes + (ch - ch0) * 1024 + p * 128, pairs,
                                       first.q + ch * kChunkCols + p * 8, padded, dot);
        const F scale = S::load(meta), zero = S::load(meta + 16);
        for (int t = 0; t < T; ++t) {
          const int32_t* prefix = first.prefix + t * prefix_stride + ch * 8 + p;
          const F centred = S::fnma(zero, S::set1(static_cast<float>(prefix[pairs] - prefix[0])), S::to_float(dot[t]));
          acc[t] = S::fma(centred, S::mul(scale, S::set1(first.scale[t * scale_stride + ch])), acc[t]);
        }
      }
    }
    for (int t = 0; t < T; ++t) S::store(c + t * 16, acc[t]);
  }
  template <int NBits>
  static void gemm_bits(const TiledWeights& w, const QuantizedRows& x, int64_t tokens, int64_t block, float* c) {
    if (tokens == 1) {
      if (w.segment % kChunkCols == 0) vector_block<NBits, true>(w, x, block, c);
      else vector_block<NBits, false>(w, x, block, c);
      return;
    }
    constexpr int T = S::kInt8Tile;
    BytePanel panel;
    for (int64_t ch0 = 0; ch0 < w.chunks; ch0 += kPanelChunks) {
      const int64_t chunks = w.chunks - ch0 < kPanelChunks ? w.chunks - ch0 : kPanelChunks;
      fill_panel<NBits>(w, block, ch0, chunks, panel);
      int64_t t = 0;
      for (; t + T <= tokens; t += T) tile_panel<NBits, T>(w, x, t, ch0, chunks, panel, c + t * 16);
      for (; t < tokens; ++t) tile_panel<NBits, 1>(w, x, t, ch0, chunks, panel, c + t * 16);
    }
  }
  static void tiled_gemm(const TiledWeights& w, const QuantizedRows& x, int64_t tokens, int64_t block, float* c) {
    dispatch(w.nbits, [&]<int NBits>() { gemm_bits<NBits>(w, x, tokens, block, c); });
  }

  static float scale_for_class(const TiledWeights& w, int64_t cls, const float* x, const QuantizedRows& row) {
    const int64_t size = size_of(w.meta_dtype), padded = w.chunks * kChunkCols;
    const std::byte* scale = w.meta.template as<std::byte>() + cls * 2 * padded * size;
    const std::byte* zero = scale + padded * size;
    F total = S::zero();
    for (int64_t k = 0; k < padded; k += kChunkCols) {
      F v[4];
      for (int i = 0; i < 4; ++i)
        v[i] = S::mul(load_upto(x, k + 16 * i, w.in), load_meta<S>(scale + (k + 16 * i) * size, w.meta_dtype));
      const float d = quantize_chunk(v, row.q + k);
      row.scale[k / kChunkCols] = d;
      const F inverse = S::set1(d > 0.0f ? 1.0f / d : 0.0f), step = S::set1(d);
      for (int i = 0; i < 4; ++i) {
        const F rounded = S::mul(S::round(S::mul(v[i], inverse)), step);
        total = S::fma(load_meta<S>(zero + (k + 16 * i) * size, w.meta_dtype), rounded, total);
      }
    }
    return S::reduce_add(total);
  }
  template <int NBits>
  static void class_gemv_bits(const TiledWeights& w, const QuantizedRows& x, int64_t block, float* c) {
    F acc = S::zero();
    for (int64_t ch = 0; ch < w.chunks; ++ch) {
      const uint8_t* chunk = w.chunk(block, ch);
      const int8_t* q = x.q + ch * kChunkCols;
      auto partial = S::template zero_partial<NBits>();
      I dot = S::zero_i();
      each_pair(8, [&]<int P>() HQQ_STEP {
        B q0, q1;
        load_pair<S, NBits, P>(chunk, q0, q1);
        S::template dot_pair<NBits>(partial, q0, q1, q + P * 8);
        if ((P + 1) % S::template kPairsPerWiden<NBits> == 0) S::template widen<NBits>(dot, partial);
      });
      acc = S::fma(S::to_float(dot), S::set1(x.scale[ch]), acc);
    }
    S::store(c, acc);
  }
  static void class_gemv(const TiledWeights& w, const QuantizedRows& x, int64_t block, float* c) {
    dispatch(w.nbits, [&]<int NBits>() { class_gemv_bits<NBits>(w, x, block, c); });
  }

  template <typename Body>
  static void dispatch(int nbits, Body&& body) {
    switch (nbits) {
      case 8: return body.template operator()<8>();
      case 6: return body.template operator()<6>();
      case 5: return body.template operator()<5>();
      case 4: return body.template operator()<4>();
      case 3: return body.template operator()<3>();
      case 2: return body.template operator()<2>();
      default: return body.template operator()<1>();
    }
  }
};

}  // namespace hqq
