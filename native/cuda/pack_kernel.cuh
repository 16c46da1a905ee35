// Memory-bound: every weight is read once in 16-byte pieces where the columns allow, every word written once.
#pragma once

#include "cuda/pack.cuh"
#include "cuda/solver_step.cuh"

namespace hqq::cuda {

constexpr int kPackThreads = 256;

struct PackArgs {
  GroupedWeights weights;
  StoredAffine affine;
  float max_value = 0;
  uint8_t* packed = nullptr;
  float* errors = nullptr;
  int64_t slots = 0;   // row length of errors: blocks of the grid
  int64_t stride = 0;  // rows between the fields of a word
  int64_t words = 0;   // stride * cols
  int log_cols = -1;   // where the columns are a power of two
};

/// `kCount` bytes of one plane: kFields values of kBits each, the first in the most significant field. Built four bytes
/// at a time with a multiply-add for each value.
template <int kBits, int kFields, int kCount>
__device__ __forceinline__ void store_bytes(uint8_t* out, const uint32_t (&fields)[kFields][kCount]) {
  constexpr int kBytes = kCount < 4 ? kCount : 4;
  struct alignas(kCount) Bytes {
    uint8_t byte[kCount];
  } bytes;
#pragma unroll
  for (int i = 0; i < kCount; i += kBytes) {
    uint32_t word = 0;
#pragma unroll
    for (int j = 0; j < kBytes; ++j) {
#pragma unroll
      for (int k = 0; k < kFields; ++k) word += fields[k][i + j] * (1u << (8 * j + kBits * (kFields - 1 - k)));
    }
    memcpy(bytes.byte + i, &word, kBytes);
  }
  *reinterpret_cast<Bytes*>(out) = bytes;
}

template <int kCount>
__device__ __forceinline__ void store_words(uint8_t* out, const uint32_t (&fields)[10][kCount]) {
  struct alignas(kCount >= 4 ? 16 : 4) Words {
    uint32_t word[kCount];
  } words;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    uint32_t word = 0;
#pragma unroll
    for (int k = 0; k < 10; ++k) word += fields[k][i] * (1u << (27 - 3 * k));
    words.word[i] = word;
  }
  *reinterpret_cast<Words*>(out) = words;
}

/// kBits of fields first, first + step, ... of `values`, from bit kShift on.
template <int kShift, int kBits, int kCountOut, int kCountIn, int kWidth>
__device__ __forceinline__ void pick(const uint32_t (&values)[kCountIn][kWidth], int first, int step,
                                     uint32_t (&out)[kCountOut][kWidth]) {
#pragma unroll
  for (int k = 0; k < kCountOut; ++k) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out[k][i] = values[first + k * step][i] >> kShift & ((1u << kBits) - 1);
  }
}

/// Writes kCount neighbouring words of the view from word `word` on; values[k]: field k of each.
template <Packing kPacking, int kFields, int kCount>
__device__ __forceinline__ void store_packed(uint8_t* packed, int64_t words, int64_t word,
                                             const uint32_t (&values)[kFields][kCount]) {
  if constexpr (kPacking == Packing::u8_8bit) {
    store_bytes<8>(packed + word, values);
  } else if constexpr (kPacking == Packing::u8_4bit) {
    store_bytes<4>(packed + word, values);
  } else if constexpr (kPacking == Packing::u8_2bit) {
    store_bytes<2>(packed + word, values);
  } else if constexpr (kPacking == Packing::u8_1bit) {
    store_bytes<1>(packed + word, values);
  } else if constexpr (kPacking == Packing::i32_3bit) {
    store_words(packed + word * 4, values);
  } else {
    // Low nibbles, two rows a byte, then the bits above them, all rows of a word in one byte.
    constexpr int kSpread = kFields / 2, kHighBits = kPacking == Packing::dense_5bit ? 1 : 2;
#pragma unroll
    for (int j = 0; j < kSpread; ++j) {
      uint32_t low[2][kCount];
      pick<0, 4>(values, j, kSpread, low);
      store_bytes<4>(packed + j * words + word, low);
    }
    uint32_t high[kFields][kCount];
    pick<4, kHighBits>(values, 0, 1, high);
    store_bytes<kHighBits>(packed + kSpread * words + word, high);
  }
}

struct ErrorSums {
  float abs_error = 0, sq_error = 0, abs_weight = 0, max_error = 0;

  __device__ __forceinline__ void add(float w, float error) {
    abs_error += error;
    sq_error += error * error;
    abs_weight += fabsf(w);
    max_error = fmaxf(max_error, error);
  }
};

/// Sums of a block's threads in a fixed order, written by thread 0.
__device__ __forceinline__ void store_errors(const ErrorSums& sums, float* out, int64_t slots) {
  __shared__ float warps[kErrorTotals][kPackThreads / 32];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const float values[kErrorTotals] = {lane_sum<32>(sums.abs_error), lane_sum<32>(sums.sq_error),
                                      lane_sum<32>(sums.abs_weight), -lane_min<32>(-sums.max_error)};
#pragma unroll
  for (int k = 0; k < kErrorTotals; ++k) {
    if (lane == 0) warps[k][warp] = values[k];
  }
  __syncthreads();
  if (threadIdx.x < kErrorTotals) {
    const int k = static_cast<int>(threadIdx.x);
    float total = warps[k][0];
    for (int i = 1; i < kPackThreads / 32; ++i) {
      total = k == kErrorTotals - 1 ? fmaxf(total, warps[k][i]) : total + warps[k][i];
    }
    out[k * slots + blockIdx.x] = total;
  }
}

/// Affine maps of kCount neighbouring weights: one for all of them in a contiguous group, else one each. What counts in
/// quantization steps is in units of 1/256 (solver_step.cuh).
template <int kCount, bool kContiguous>
struct WordAffine {
  static constexpr int kMaps = kContiguous ? 1 : kCount;
  float unit[kMaps], zero[kMaps], scale[kMaps], zero_stored[kMaps];

  __device__ __forceinline__ void load(const StoredAffine& from, int64_t group) {
    weights_at<F32Weight, kMaps>(from.inverse_scale, group, unit);
    weights_at<F32Weight, kMaps>(from.zero, group, zero);
    weights_at<F32Weight, kMaps>(from.scale, group, scale);
    weights_at<F32Weight, kMaps>(from.zero_stored, group, zero_stored);
#pragma unroll
    for (int i = 0; i < kMaps; ++i) {
      unit[i] *= kStepUnit;
      zero[i] *= kStepUnit;
      scale[i] *= 256.0f;
      zero_stored[i] *= kStepUnit;
    }
  }
};

/// kCount neighbouring words a thread; kCount divides the columns or is 1.
template <typename Weight, Packing kPacking, int kFields, int kCount, bool kContiguous>
__global__ void __launch_bounds__(kPackThreads) pack_words(const PackArgs args) {
  const GroupedWeights& view = args.weights;
  const int64_t word = (static_cast<int64_t>(blockIdx.x) * kPackThreads + threadIdx.x) * kCount;
  const float max_value = args.max_value * kStepUnit;
  ErrorSums sums;
  if (word < args.words) {
    const int64_t row = args.log_cols >= 0 ? word >> args.log_cols
                        : args.words < (int64_t{1} << 32)
                            ? static_cast<uint32_t>(word) / static_cast<uint32_t>(view.cols)
                            : word / view.cols;
    WordAffine<kCount, kContiguous> affine;
    if (!kContiguous) affine.load(args.affine, word - row * view.cols);
    // All fields are fetched before the first is used.
    float w[kFields][kCount];
#pragma unroll
    for (int k = 0; k < kFields; ++k) {
      if (row + k * args.stride < view.rows) weights_at<Weight, kCount>(view.data, word + k * args.words, w[k]);
    }
    uint32_t values[kFields][kCount];
#pragma unroll
    for (int k = 0; k < kFields; ++k) {
      const int64_t field_row = row + k * args.stride;
      const bool inside = field_row < view.rows;
      if (kContiguous && inside) affine.load(args.affine, view.groups == 1 ? 0 : field_row);
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        values[k][i] = 0;
        if (!inside) continue;
        const int own = kContiguous ? 0 : i;
        const float product = __fmul_rn(w[k][i], affine.unit[own]);
        const float clamped = fminf(__saturatef(__fadd_rn(product, affine.zero[own])), max_value);
        // The sum's lowest bits are the integer, without a conversion.
        const float shifted = __fadd_rn(clamped, kRounder);
        const float q = __fsub_rn(shifted, kRounder);
        const float back = __fmul_rn(__fsub_rn(q, affine.zero_stored[own]), affine.scale[own]);
        sums.add(w[k][i], fabsf(__fsub_rn(w[k][i], back)));
        values[k][i] = __float_as_uint(shifted) & 0xff;
      }
    }
    store_packed<kPacking>(args.packed, args.words, word, values);
  }
  store_errors(sums, args.errors, args.slots);
}

}  // namespace hqq::cuda
