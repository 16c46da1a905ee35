// From words of the runtime layout to the float16 integers that tensor cores multiply.
#pragma once

#include "cuda/ptx.cuh"
#include "cuda/tile_layout.h"

namespace hqq::cuda {

/// Register of pair `pair` as two float16 integers.
template <int nbits, int pair>
__device__ inline uint32_t weight_pair(const uint32_t* words) {
  if constexpr (nbits == kDenseBits) {
    return words[pair];
  } else if constexpr (nbits == 8) {
    // Bytes 0x64 above an integer make the float16 number 1024 + q.
    const uint32_t biased = __byte_perm(words[pair / 2], 0x64646464u, pair % 2 ? 0x4341 : 0x4240);
    return fma_half2(biased, 0x3c003c00u, 0xe400e400u);
  } else {
    constexpr int low = low_bits(nbits), per_word = 16 / low, slot = pair % per_word * low, at = slot % 8;
    constexpr uint32_t field = ((1u << low) - 1u) << at;
    uint32_t word = words[pair / per_word];
    if constexpr (slot >= 8) word >>= 8;
    uint32_t biased = and_or(word, field | field << 16, 0x64006400u);
    if constexpr (low != nbits) {
      constexpr HighField high = high_field(nbits, pair);
      constexpr uint32_t mask = ((1u << (nbits - low)) - 1u) << (at + low);
      uint32_t above = words[low_words(nbits) + high.word];
      if constexpr (high.swapped != 0) above = __byte_perm(above, 0, 0x2301);
      if constexpr (high.shift != 0) above >>= high.shift;
      biased = and_or(above, mask | mask << 16, biased);
    }
    // 1024 + q 2^at, scaled and shifted back to q: exact.
    constexpr uint32_t scale = static_cast<uint32_t>(15 - at) << 10, shift = 0x8000u | static_cast<uint32_t>(25 - at)
                                                                                           << 10;
    return fma_half2(biased, scale | scale << 16, shift | shift << 16);
  }
}

template <int nbits, int first>
__device__ inline void weight_operand(const uint32_t* words, uint32_t (&a)[4]) {
  a[0] = weight_pair<nbits, first>(words);
  a[1] = weight_pair<nbits, first + 1>(words);
  a[2] = weight_pair<nbits, first + 2>(words);
  a[3] = weight_pair<nbits, first + 3>(words);
}

}  // namespace hqq::cuda
