// Runtime layout of a matrix on the device: what the kernels stream. Storage formats are for files; a weight is repacked
// into this form once, when it is loaded.
//
// Rows go in tiles of 16, columns in tiles of 64 and those in units, the piece that one warp loads at once. A tile is
// four A operands of mma.m16n8k16: lane l holds rows l/4 and l/4 + 8 and columns 2(l%4), +1, +8, +9 of each, as 16
// pairs of neighbouring columns. Both values of a pair lie in one 32-bit word at the same bit of its two halves, so
// that one logic operation makes the two float16 numbers that the tensor core takes:
//
//   pair P of a lane (over the tiles of a unit): tile P / 16, operand P % 16 / 4, register P % 4
//   register: bit 0 is row l/4 or l/4 + 8, bit 1 is columns +0 or +8
//   plane of b bits: word P / (16/b), bit b (P % (16/b)) of each half
//   unit: for every four words of a plane one run of 512 bytes, 16 for each lane
//
// 6, 5 and 3 bits are a plane of 4, 4 and 2 low bits, then one of 2, 1 and 1 high bits whose fields are spread so that
// a byte swap and a shift bring each beside its low field (high_bit()). 16 bits are float16 weights as they are.
//
// Scale and zero, as float16 or float32: [row tile][entry][8][scale, zero of row i; scale, zero of row i + 8]. An entry
// is the longest run of columns that no group border of any row crosses: in multiples of 64, else 8, 16 or 32.
#pragma once

#include <cstdint>

namespace hqq::cuda {

constexpr int kTileRows = 16;
constexpr int kTileCols = 64;
constexpr int kDenseBits = 16;  // float16 weights

/// Width of the plane with the low bits.
constexpr int low_bits(int nbits) { return nbits == 6 || nbits == 5 ? 4 : nbits == 3 ? 2 : nbits; }
constexpr int unit_cols(int nbits) {
  return nbits == 6 || nbits == 4 || nbits == 2 ? 128 : nbits == 5 || nbits == 3 || nbits == 1 ? 256 : 64;
}
constexpr int unit_bytes(int nbits) { return unit_cols(nbits) * kTileRows * nbits / 8; }
/// Low-plane words of one lane in a unit; the high plane's follow.
constexpr int low_words(int nbits) { return unit_cols(nbits) / kTileCols * low_bits(nbits); }

/// Where a pair's high field sits: which word of the high plane, how the word is turned so that the field comes to lie
/// just above the pair's low field, and the field's bit in the stored half word.
struct HighField {
  int word, swapped, shift, bit;
};
constexpr HighField high_field(int nbits, int pair) {
  const int low = low_bits(nbits), bits = nbits - low;
  const int positions = 8 / low;           // low fields of a byte
  const int sets = 16 / bits / positions;  // ways to turn a word
  const int set = pair / positions % sets, half = sets / 2;
  const int shift = bits * (set % half);
  const int turned = pair % positions * low + low + shift;
  return {pair / (16 / bits), set >= half ? 1 : 0, shift, set >= half ? (turned + 8) % 16 : turned};
}

/// A tiled matrix as kernels see it.
struct TiledView {
  const uint8_t* quants = nullptr;
  const void* meta = nullptr;
  int nbits = 0;
  int rows = 0, cols = 0;
  int row_tiles = 0, units = 0;
  int segment = 64;          // 64 where entries are whole tiles, else columns of an entry
  int entry_cols = 64;       // columns of a meta entry
  int entries = 0;           // meta entries of a row tile, those of padding columns included
  uint32_t entry_magic = 0;  // segment 64: the entry of column tile t is 2t * magic >> 32
  int meta_float = 0;        // float32 scale and zero, else float16
};

constexpr int meta_entry_bytes(bool meta_float) { return meta_float ? 128 : 64; }

}  // namespace hqq::cuda
