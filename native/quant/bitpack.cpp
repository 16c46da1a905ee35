#include "quant/bitpack.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/thread_pool.h"

namespace hqq {
namespace {

constexpr int64_t kBytesPerChunk = 1 << 16;  // of packed data handled by one parallel chunk

/// One block of packed words: `bits` wide fields, `count` of them per byte (per int32 for 3 bits).
struct Plane {
  int bits;       // of the field
  int count;      // fields per word
  int source;     // lowest bit of q that this plane holds
};

/// The planes of a packing in storage order.
std::vector<Plane> planes_of(Packing packing) {
  switch (packing) {
    case Packing::u8_8bit: return {{8, 1, 0}};
    case Packing::u8_4bit: return {{4, 2, 0}};
    case Packing::u8_2bit: return {{2, 4, 0}};
    case Packing::u8_1bit: return {{1, 8, 0}};
    case Packing::i32_3bit: return {{3, 10, 0}};
    case Packing::dense_5bit: return {{4, 2, 0}, {1, 8, 4}};
    case Packing::dense_6bit: return {{4, 2, 0}, {2, 4, 4}};
  }
  return {};
}

int64_t word_bytes(Packing packing) { return packing == Packing::i32_3bit ? 4 : 1; }

int64_t padded_rows(Packing packing, int64_t rows) {
  const int64_t p = values_per_word(packing);
  return (rows + p - 1) / p * p;
}

int shift_of(const Plane& plane, int field) { return plane.bits * (plane.count - 1 - field); }

/// Writes `n` consecutive words; sources[k] is where field k starts in q, or null for padding.
void pack_run_u8(const Plane& plane, const uint8_t* const* sources, int64_t n, uint8_t* out) {
  const unsigned mask = (1u << plane.bits) - 1;
  std::memset(out, 0, static_cast<size_t>(n));
  for (int k = 0; k < plane.count; ++k) {
    const uint8_t* in = sources[k];
    if (in == nullptr) continue;
    const int shift = shift_of(plane, k);
    for (int64_t c = 0; c < n; ++c) out[c] |= static_cast<uint8_t>(((in[c] >> plane.source) & mask) << shift);
  }
}

void pack_run_i32(const Plane& plane, const uint8_t* const* sources, int64_t n, uint8_t* out) {
  for (int64_t c = 0; c < n; ++c) {
    uint32_t word = 0;
    for (int k = 0; k < plane.count; ++k) {
      if (sources[k] != nullptr) word |= uint32_t{sources[k][c]} << shift_of(plane, k);
    }
    std::memcpy(out + c * 4, &word, sizeof(word));
  }
}

/// The field at bit `shift` of `n` words into bytes. The lowest plane overwrites, the others add their bits.
void unpack_run_u8(const Plane& plane, const uint8_t* in, int shift, int64_t n, uint8_t* q) {
  const uint8_t mask = static_cast<uint8_t>((1u << plane.bits) - 1);
  if (plane.source == 0) {
    for (int64_t i = 0; i < n; ++i) q[i] = static_cast<uint8_t>(in[i] >> shift) & mask;
  } else {
    for (int64_t i = 0; i < n; ++i) {
      q[i] |= static_cast<uint8_t>((static_cast<uint8_t>(in[i] >> shift) & mask) << plane.source);
    }
  }
}

void unpack_run_i32(const uint8_t* in, int shift, int64_t n, uint8_t* q) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t word;
    std::memcpy(&word, in + i * 4, sizeof(word));
    q[i] = static_cast<uint8_t>((word >> shift) & 7);
  }
}

}  // namespace

Packing packing_for(int nbits, PackFormat format) {
  const bool dense = format == PackFormat::dense;
  switch (nbits) {
    case 8: return Packing::u8_8bit;
    case 6: return dense ? Packing::dense_6bit : Packing::u8_8bit;
    case 5: return dense ? Packing::dense_5bit : Packing::u8_8bit;
    case 4: return Packing::u8_4bit;
    case 3: return Packing::i32_3bit;
    case 2: return Packing::u8_2bit;
    case 1: return Packing::u8_1bit;
    default: break;
  }
  throw EngineError(ErrorCode::bad_input,
                    std::to_string(nbits) + " bits per weight are not supported; choose 8, 6, 5, 4, 3, 2 or 1");
}

int64_t values_per_word(Packing packing) {
  int64_t most = 1;
  for (const Plane& plane : planes_of(packing)) most = std::max<int64_t>(most, plane.count);
  return most;
}

DType packed_dtype(Packing packing) { return packing == Packing::i32_3bit ? DType::i32 : DType::u8; }

Shape packed_shape(Packing packing, int64_t rows, int64_t cols) {
  int64_t packed_rows = 0;
  for (const Plane& plane : planes_of(packing)) packed_rows += padded_rows(packing, rows) / plane.count;
  return {packed_rows, cols};
}

int64_t packed_bytes(Packing packing, int64_t rows, int64_t cols) {
  return numel(packed_shape(packing, rows, cols)) * word_bytes(packing);
}

void require_interchangeable(Packing packing, int64_t rows) {
  require(packing != Packing::dense_5bit && packing != Packing::dense_6bit, ErrorCode::bad_input,
          "dense 5- and 6-bit packing is this program's own; other programs store these widths as 8-bit values");
  const int64_t p = values_per_word(packing);
  // 3bit_32 is the one packing that the reference pads itself.
  require(packing == Packing::i32_3bit || rows % p == 0, ErrorCode::bad_input,
          "the grouped matrix has " + std::to_string(rows) + " rows, which " + std::string(to_string(packing)) +
              " cannot hold for other programs (not a multiple of " + std::to_string(p) +
              "); choose another group size or axis, or save in this program's own format");
}

int64_t word_stride(Packing packing, int64_t view_rows) {
  return padded_rows(packing, view_rows) / values_per_word(packing);
}

void pack_tile(const PackTile& tile, int64_t view_rows, int64_t view_cols, Packing packing, void* out) {
  auto* plane_start = static_cast<uint8_t*>(out);
  const int64_t stride = word_stride(packing, view_rows), p = values_per_word(packing), word = word_bytes(packing);
  // A tile of whole rows is one run of words.
  const bool whole = tile.cols == view_cols;
  const int64_t runs = whole ? 1 : tile.rows, run = whole ? tile.rows * tile.cols : tile.cols;
  for (const Plane& plane : planes_of(packing)) {
    // A plane with fewer fields per word than the widest has several word rows for each of the tile's.
    const int64_t spread = p / plane.count;
    for (int64_t j = 0; j < spread; ++j) {
      for (int64_t r = 0; r < runs; ++r) {
        const uint8_t* sources[10];
        for (int k = 0; k < plane.count; ++k) {
          const uint8_t* field = tile.fields[j + k * spread];
          sources[k] = field == nullptr ? nullptr : field + r * run;
        }
        uint8_t* words = plane_start + ((tile.row + r + j * stride) * view_cols + tile.col) * word;
        if (packing == Packing::i32_3bit) {
          pack_run_i32(plane, sources, run, words);
        } else {
          pack_run_u8(plane, sources, run, words);
        }
      }
    }
    plane_start += stride * spread * view_cols * word;
  }
}

void pack(const uint8_t* q, int64_t rows, int64_t cols, Packing packing, void* out) {
  const int64_t stride = word_stride(packing, rows), p = values_per_word(packing);
  const int64_t grain = std::max<int64_t>(1, kBytesPerChunk / std::max<int64_t>(1, cols * word_bytes(packing)));
  parallel_for(stride, grain, [&](int64_t begin, int64_t end) {
    PackTile tile;
    tile.cols = cols;
    for (tile.row = begin; tile.row < end; tile.row += tile.rows) {
      tile.rows = end - tile.row;
      for (int64_t k = 0; k < p; ++k) {
        const int64_t row = tile.row + k * stride;
        tile.fields[k] = row < rows ? q + row * cols : nullptr;
        if (row < rows) tile.rows = std::min(tile.rows, rows - row);
      }
      pack_tile(tile, rows, cols, packing, out);
    }
  });
}

void unpack_rows(const void* packed, int64_t rows, int64_t cols, Packing packing, int64_t begin, int64_t end, uint8_t* q) {
  const auto* plane_start = static_cast<const uint8_t*>(packed);
  const int64_t row_bytes = cols * word_bytes(packing);
  for (const Plane& plane : planes_of(packing)) {
    const int64_t step = padded_rows(packing, rows) / plane.count;
    // Consecutive rows of one field lie one behind the other, so a run is a single loop.
    for (int64_t row = begin; row < end;) {
      const int64_t field = row / step, first = row % step;
      const int64_t run = std::min(end - row, step - first);
      const uint8_t* in = plane_start + first * row_bytes;
      uint8_t* dst = q + (row - begin) * cols;
      const int shift = shift_of(plane, static_cast<int>(field));
      if (packing == Packing::i32_3bit) {
        unpack_run_i32(in, shift, run * cols, dst);
      } else {
        unpack_run_u8(plane, in, shift, run * cols, dst);
      }
      row += run;
    }
    plane_start += step * row_bytes;
  }
}

void unpack(const void* packed, int64_t rows, int64_t cols, Packing packing, uint8_t* q) {
  const int64_t grain = std::max<int64_t>(1, kBytesPerChunk / std::max<int64_t>(1, cols));
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    unpack_rows(packed, rows, cols, packing, begin, end, q + begin * cols);
  });
}

}  // namespace hqq
