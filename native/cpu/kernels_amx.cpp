// AMX: everything of AVX-512, and the fast batched product of quantized layers on bfloat16 tiles. Exact products stay
// with AVX-512: splitting float32 into enough bfloat16 parts for 1e-4 on logits takes six tile products and gains
// nothing.
#include "cpu/kernels.h"

#if defined(__AMX_BF16__)
#include "cpu/simd_avx512.h"
#endif

namespace hqq {

#if defined(__AMX_BF16__)
namespace {

constexpr int64_t kTileTokens = 16, kTileCols = 32, kTilesAtOnce = 4, kMaxPanelCols = 256;

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// The bfloat16 nearest to each lane, still as float32.
__m512 high_part(__m512 v) { return SimdAvx512::round_bf16({v}).a; }

void bf16_row(const float* x, int64_t cols, const Bf16Rows& row) {
  for (int64_t k = 0; k < row.padded_cols; k += 16) {
    const int64_t n = cols - k < 0 ? 0 : cols - k < 16 ? cols - k : 16;
    const __m512 v = high_part(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), x + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row.values + k),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(v), 16)));
  }
}

/// Rows k and k+1 of the panel as 16 pairs of bfloat16, the row format of a tile's second operand; zero beyond `cols`.
void pair_panel(const float* panel, int64_t cols, uint16_t* pairs) {
  for (int64_t k = 0; k < (cols + kTileCols - 1) / kTileCols * kTileCols; k += 2) {
    const __m512 even = k < cols ? high_part(_mm512_loadu_ps(panel + k * 16)) : _mm512_setzero_ps();
    const __m512 odd = k + 1 < cols ? high_part(_mm512_loadu_ps(panel + (k + 1) * 16)) : _mm512_setzero_ps();
    _mm512_store_si512(pairs + k * 16,
                       _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(even), 16), _mm512_castps_si512(odd)));
  }
}

// Tiles 0-3: sums of up to 64 tokens; 4: activations; 6: weights. Tile numbers must be literals.
#define HQQ_EACH_TILE(count, action) \
  do {                               \
    action(0);                       \
    if ((count) > 1) action(1);      \
    if ((count) > 2) action(2);      \
    if ((count) > 3) action(3);      \
  } while (0)

void tile_gemm(const Bf16Rows& x, int64_t k0, int64_t tokens, const float* panel, int64_t cols, float* c,
               bool accumulate) {
  alignas(64) uint16_t pairs[kMaxPanelCols * 16];
  pair_panel(panel, cols, pairs);
  const TileConfig config;
  _tile_loadconfig(&config);
  const auto stride = static_cast<size_t>(x.padded_cols * 2);
  for (int64_t t = 0; t < tokens; t += kTileTokens * kTilesAtOnce) {
    const int64_t count = (tokens - t + kTileTokens - 1) / kTileTokens;
    const uint16_t* rows = x.values + t * x.padded_cols + k0;
    float* sums = c + t * 16;
#define HQQ_LOAD(i) _tile_loadd(i, sums + i * 256, 64)
#define HQQ_ZERO(i) _tile_zero(i)
#define HQQ_STORE(i) _tile_stored(i, sums + i * 256, 64)
#define HQQ_PRODUCT(i)                                                  \
  {                                                                     \
    _tile_loadd(4, rows + i * kTileTokens * x.padded_cols + k, stride); \
    _tile_dpbf16ps(i, 4, 6);                                            \
  }
    if (accumulate) HQQ_EACH_TILE(count, HQQ_LOAD);
    else HQQ_EACH_TILE(count, HQQ_ZERO);
    for (int64_t k = 0; k < cols; k += kTileCols) {
      _tile_loadd(6, pairs + k * 16, 64);
      HQQ_EACH_TILE(count, HQQ_PRODUCT);
    }
    HQQ_EACH_TILE(count, HQQ_STORE);
  }
  _tile_release();
}

}  // namespace

const Kernels* amx_kernels() {
  static const Kernels table = [] {
    Kernels kernels = *avx512_kernels();
    kernels.bf16_row = bf16_row;
    kernels.tile_gemm = tile_gemm;
    return kernels;
  }();
  return &table;
}
#else
const Kernels* amx_kernels() { return nullptr; }
#endif

}  // namespace hqq
