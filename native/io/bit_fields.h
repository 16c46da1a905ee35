// Integers of other programs' formats: a stream of 32-bit little-endian words in which value i takes the bits from
// i * nbits on, lowest first, across word borders. 32 values fill nbits words exactly.
#pragma once

#include <cstdint>
#include <cstring>

namespace hqq {

/// Values that fill whole words.
constexpr int64_t kFieldBlock = 32;

/// Words that `count` values take.
constexpr int64_t field_words(int64_t count, int nbits) { return (count * nbits + 31) / 32; }

/// The first `count` values (at most kFieldBlock) of a stream whose words lie `stride` words apart; `words` may have any
/// alignment. out[i] gets value i.
inline void read_fields(const void* words, int64_t stride, int64_t count, int nbits, uint8_t* out) {
  const auto* bytes = static_cast<const unsigned char*>(words);
  uint64_t window = 0;
  int filled = 0;
  const uint64_t mask = (uint64_t{1} << nbits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    if (filled < nbits) {
      uint32_t word;
      std::memcpy(&word, bytes, sizeof(word));
      bytes += stride * static_cast<int64_t>(sizeof(word));
      window |= uint64_t{word} << filled;
      filled += 32;
    }
    out[i] = static_cast<uint8_t>(window & mask);
    window >>= nbits;
    filled -= nbits;
  }
}

/// Inverse: appends nothing, writes every word of the stream.
inline void write_fields(const uint8_t* values, int64_t count, int nbits, uint32_t* words) {
  uint64_t window = 0;
  int filled = 0;
  for (int64_t i = 0; i < count; ++i) {
    window |= uint64_t{values[i]} << filled;
    filled += nbits;
    if (filled < 32) continue;
    *words++ = static_cast<uint32_t>(window);
    window >>= 32;
    filled -= 32;
  }
  if (filled > 0) *words = static_cast<uint32_t>(window);
}

}  // namespace hqq
