#include "cuda/pack.cuh"

#include "cuda/launch.h"
#include "cuda/pack_kernel.cuh"
#include "cuda/reduce.cuh"

namespace hqq::cuda {
namespace {

/// Neighbouring words of one thread: as many as fit into its registers, or one where they would straddle rows.
constexpr int most_words(int64_t fields) { return fields > 4 ? 4 : 8; }
int words_per_thread(const GroupedWeights& weights, Packing packing) {
  const int64_t most = most_words(values_per_word(packing));
  return weights.cols % most == 0 ? static_cast<int>(most) : 1;
}

int64_t blocks_of(const GroupedWeights& weights, Packing packing) {
  const int64_t threads = word_stride(packing, weights.rows) * weights.cols / words_per_thread(weights, packing);
  return (threads + kPackThreads - 1) / kPackThreads;
}

template <typename Weight, Packing kPacking, int kFields>
void pack_as(const PackArgs& args, int64_t blocks, int count, cudaStream_t stream) {
  constexpr int kMost = most_words(kFields);
  const LaunchShape shape{blocks, kPackThreads};
  const bool rows = args.weights.contiguous, wide = count == kMost;
  launch(rows ? (wide ? pack_words<Weight, kPacking, kFields, kMost, true>
                      : pack_words<Weight, kPacking, kFields, 1, true>)
              : (wide ? pack_words<Weight, kPacking, kFields, kMost, false>
                      : pack_words<Weight, kPacking, kFields, 1, false>),
         shape, stream, args);
}

template <typename Weight>
void pack_any(Packing packing, const PackArgs& args, int64_t blocks, int count, cudaStream_t stream) {
  switch (packing) {
    case Packing::u8_8bit: return pack_as<Weight, Packing::u8_8bit, 1>(args, blocks, count, stream);
    case Packing::u8_4bit: return pack_as<Weight, Packing::u8_4bit, 2>(args, blocks, count, stream);
    case Packing::u8_2bit: return pack_as<Weight, Packing::u8_2bit, 4>(args, blocks, count, stream);
    case Packing::u8_1bit: return pack_as<Weight, Packing::u8_1bit, 8>(args, blocks, count, stream);
    case Packing::i32_3bit: return pack_as<Weight, Packing::i32_3bit, 10>(args, blocks, count, stream);
    case Packing::dense_5bit: return pack_as<Weight, Packing::dense_5bit, 8>(args, blocks, count, stream);
    case Packing::dense_6bit: return pack_as<Weight, Packing::dense_6bit, 4>(args, blocks, count, stream);
  }
}

}  // namespace

int64_t pack_error_slots(const GroupedWeights& weights, Packing packing) { return blocks_of(weights, packing); }

void pack(const GroupedWeights& weights, Packing packing, float max_value, const StoredAffine& affine, void* packed,
          float* errors, double* totals, cudaStream_t stream) {
  PackArgs args;
  args.weights = weights;
  args.affine = affine;
  args.max_value = max_value;
  args.packed = static_cast<uint8_t*>(packed);
  args.errors = errors;
  args.stride = word_stride(packing, weights.rows);
  args.words = args.stride * weights.cols;
  for (int bits = 0; bits < 62; ++bits) {
    if (int64_t{1} << bits == weights.cols) args.log_cols = bits;
  }
  const int64_t blocks = blocks_of(weights, packing);
  args.slots = blocks;
  const int count = words_per_thread(weights, packing);
  switch (weights.type) {
    case DType::f32: pack_any<F32Weight>(packing, args, blocks, count, stream); break;
    case DType::f16: pack_any<F16Weight>(packing, args, blocks, count, stream); break;
    case DType::bf16: pack_any<Bf16Weight>(packing, args, blocks, count, stream); break;
    default: break;
  }
  total_rows(errors, kErrorTotals - 1, blocks, totals, stream);
  largest_of_rows(errors + (kErrorTotals - 1) * blocks, 1, blocks, totals + kErrorTotals - 1, stream);
}

}  // namespace hqq::cuda
