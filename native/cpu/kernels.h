// The table of SIMD kernels. One source (cpu/*_impl.h) is compiled once per instruction set; which table runs is
// decided by core/cpu_features.h at run time. Every kernel is tested against cpu/reference.h at every level the machine
// has.
#pragma once

#include <cstdint>

#include "core/cpu_features.h"
#include "core/tensor.h"
#include "cpu/activation.h"
#include "cpu/tiled.h"

namespace hqq {

/// Row-major unquantized matrix (f32, f16 or bf16, any alignment).
struct DenseRows {
  const std::byte* data = nullptr;
  DType dtype = DType::f32;
  int64_t out = 0, in = 0;

  const std::byte* row(int64_t r) const { return data + r * in * size_of(dtype); }
};

/// Activations rounded to 8 bits: x ~ scale[chunk] * q, |q| <= 127, one scale per 64 columns.
struct QuantizedRows {
  int8_t* q = nullptr;        // [tokens][padded_cols], zero-padded to a multiple of 64
  float* scale = nullptr;     // [tokens][padded_cols / 64]
  int32_t* prefix = nullptr;  // [tokens][padded_cols / 8 + 1]: sums of q over everything before each run of 8
  int64_t padded_cols = 0;

  QuantizedRows row(int64_t t) const {
    return {q + t * padded_cols, scale + t * (padded_cols / 64), prefix + t * (padded_cols / 8 + 1), padded_cols};
  }
};

/// Activations rounded to bfloat16, for AMX.
struct Bf16Rows {
  uint16_t* values = nullptr;  // [tokens padded to 16][padded_cols]
  int64_t padded_cols = 0;     // multiple of 32, zero-padded

  Bf16Rows row(int64_t t) const { return {values + t * padded_cols, padded_cols}; }
};

/// One tile of attention: `rows` queries (tokens x the heads that share a key/value head) against all their visible
/// keys.
struct AttentionTile {
  const float* q = nullptr;  // [rows][dim]
  int64_t rows = 0;
  const int64_t* visible = nullptr;  // [rows]: each query looks at positions below this one, >= 1
  int64_t window = 0;                // of them only the last `window`; 0: all
  const float* keys = nullptr;       // [slot / 16][dim][16]
  const float* values = nullptr;     // [slot][dim]
  int64_t slots = 0;                 // position p is in slot p % slots; a multiple of 64
  int64_t dim = 0;                   // head_dim padded to a multiple of 16
  float scale = 1.0f;                // of q . k
  float softcap = 0.0f;              // scores become softcap * tanh(score / softcap); 0: they stay
  float* out = nullptr;              // [rows][dim]
};
/// Most rows that one AttentionTile may have.
constexpr int64_t kMaxAttentionRows = 32;

struct Kernels {
  // --- vectors ---
  /// y = x / sqrt(mean(x^2) + eps) * weight
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t n, float* y);
  /// y = (x - mean) / sqrt(variance + eps) * weight + bias
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, int64_t n, float* y);
  /// y = activation(gate) * up; without `up`, y = activation(gate)
  void (*activate)(Activation activation, const float* gate, const float* up, int64_t n, float* y);
  /// x = cap * tanh(x / cap)
  void (*softcap)(float* x, float cap, int64_t n);
  /// x += y
  void (*add)(float* x, const float* y, int64_t n);
  /// max(x) and sum(exp(x - max)): the two halves of a log-sum-exp
  void (*log_sum_exp)(const float* x, int64_t n, float* max, float* sum);
  // --- attention ---
  void (*attention)(const AttentionTile& tile);
  // --- linear layers, float32 activations ---
  /// y[r] = dot(row r, x) for r in [begin, end)
  void (*dense_gemv)(const DenseRows& w, const float* x, int64_t begin, int64_t end, float* y);
  /// panel[k][lane] = W[row + lane][k0 + k], zero beyond the last row; float32
  void (*dense_panel)(const DenseRows& w, int64_t row, int64_t k0, int64_t cols, float* panel);
  /// panel[k][lane] = W'[lane of block][k0 + k], dequantized in compute_dtype; k0 is a multiple of 64
  void (*tiled_panel)(const TiledWeights& w, int64_t block, int64_t k0, int64_t cols, float* panel);
  /// c[t][0..16) (+)= sum_k x[t][k] * panel[k][0..16)
  void (*panel_gemm)(const float* x, int64_t x_stride, int64_t tokens, const float* panel, int64_t panel_stride,
                     int64_t cols, float* c, int64_t c_stride, bool accumulate);
  // --- linear layers, 8-bit activations ---
  /// Fills one row of QuantizedRows from `cols` floats.
  void (*quantize_row)(const float* x, int64_t cols, const QuantizedRows& row);
  /// axis 1: c[t][lane] = W'x for one block of 16 rows and `tokens` consecutive activation rows
  void (*tiled_gemm)(const TiledWeights& w, const QuantizedRows& x, int64_t tokens, int64_t block, float* c);
  /// axis 0: quantizes scale[class] * x into `row` and returns the sum of zero * (rounded scale * x)
  float (*scale_for_class)(const TiledWeights& w, int64_t cls, const float* x, const QuantizedRows& row);
  /// axis 0: c[lane] = sum q * x over the block, x as given by scale_for_class
  void (*class_gemv)(const TiledWeights& w, const QuantizedRows& x, int64_t block, float* c);
  // --- fast batches on bfloat16 tiles: AMX only, null elsewhere ---
  /// Fills one row of Bf16Rows from `cols` floats.
  void (*bf16_row)(const float* x, int64_t cols, const Bf16Rows& row) = nullptr;
  /// Like panel_gemm over columns [k0, k0 + cols) of x with c_stride 16, the panel rounded to bfloat16, sums in
  /// float32. k0 is a multiple of 32, cols <= 256, and c has room for tokens rounded up to 16.
  void (*tile_gemm)(const Bf16Rows& x, int64_t k0, int64_t tokens, const float* panel, int64_t cols, float* c,
                    bool accumulate) = nullptr;
};

/// The table of the level in force, or of a given level (which the CPU must have).
const Kernels& kernels();
const Kernels& kernels(SimdLevel level);

// One per instruction set; null where this build has no such code.
const Kernels* scalar_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* amx_kernels();
const Kernels* neon_kernels();

}  // namespace hqq
