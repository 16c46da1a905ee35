#include "cpu/tiled.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "quant/dequantize.h"
#include "quant/meta.h"

namespace hqq {
namespace {

/// Writes a value of `bits` bits into plane `plane` at quad `quad`, lane, byte `j` of the quad.
void put(uint8_t* plane, int bits, int64_t quad, int64_t lane, int64_t j, int value) {
  const int64_t per_vector = 8 / bits;
  uint8_t& byte = plane[quad / per_vector * 64 + lane * 4 + j];
  byte = static_cast<uint8_t>(byte | value << (quad % per_vector * bits));
}
int get(const uint8_t* plane, int bits, int64_t quad, int64_t lane, int64_t j) {
  const int64_t per_vector = 8 / bits;
  return plane[quad / per_vector * 64 + lane * 4 + j] >> (quad % per_vector * bits) & ((1 << bits) - 1);
}
/// Width of the plane with the low bits; nbits itself where one plane is enough.
int low_bits(int nbits) { return nbits == 6 || nbits == 5 ? 4 : nbits == 3 ? 2 : nbits; }

/// Groups along flat memory (axis 1), or rows in classes (axis 0). False when the tensor fits neither layout.
bool plan_layout(const QuantizedTensor& t, int64_t groups, TiledWeights& w) {
  const int64_t elements = w.out * w.in;
  const int64_t group = elements / groups;
  if (t.config.axis == 1 || groups == 1) {
    w.axis = 1;
    const int64_t run = std::gcd(group, w.in);
    w.segment = run % kChunkCols == 0 ? run : std::gcd(run, kChunkCols);
    if (w.segment < 8) return false;
    w.segments = w.in / w.segment;
    w.blocks = (w.out + kBlockRows - 1) / kBlockRows;
    return true;
  }
  w.axis = 0;
  if (w.out % group != 0) return false;
  w.classes = w.out / group;
  w.class_rows = group;
  w.class_blocks = (group + kBlockRows - 1) / kBlockRows;
  w.blocks = w.classes * w.class_blocks;
  return true;
}

/// The dtype in which scale and zero lose nothing more than the cast to compute_dtype.
DType meta_dtype_for(const QuantizedTensor& t, DType compute) {
  if (compute != DType::f32) return compute;
  const bool both = !t.scale.quantized && !t.zero.quantized && t.scale.dtype == t.zero.dtype;
  return both ? t.scale.dtype : DType::f32;
}

std::vector<float> meta_values(const MetaTensor& meta) {
  std::vector<float> values(static_cast<size_t>(meta_count(meta)));
  meta_to_f32(meta, values.data());
  return values;
}

float round_to(float x, DType dtype) {
  if (dtype == DType::f16) return f16_to_f32(f32_to_f16(x));
  if (dtype == DType::bf16) return bf16_to_f32(f32_to_bf16(x));
  return x;
}

float meta_value(const TiledWeights& w, int64_t index) {
  float value;
  to_f32(w.meta.data() + index * size_of(w.meta_dtype), w.meta_dtype, &value, 1);
  return value;
}

void fill_meta(TiledWeights& w, const std::vector<float>& scale, const std::vector<float>& zero, int64_t groups) {
  const int64_t size = size_of(w.meta_dtype);
  if (w.axis == 0) {
    const int64_t padded = w.chunks * kChunkCols;
    w.meta = Buffer(w.classes * 2 * padded * size, MemoryUse::metadata);
    for (int64_t c = 0; c < w.classes; ++c) {
      std::byte* to = w.meta.data() + c * 2 * padded * size;
      from_f32(scale.data() + c * w.in, w.meta_dtype, to, w.in);
      from_f32(zero.data() + c * w.in, w.meta_dtype, to + padded * size, w.in);
    }
    return;
  }
  const int64_t group = w.out * w.in / groups;
  w.meta = Buffer(w.blocks * w.segments * 32 * size, MemoryUse::metadata);
  for (int64_t b = 0; b < w.blocks; ++b)
    for (int64_t s = 0; s < w.segments; ++s) {
      float lanes[32] = {};
      for (int64_t lane = 0; lane < kBlockRows; ++lane) {
        const int64_t row = w.row_of(b, lane);
        if (row < 0) continue;
        const int64_t g = (row * w.in + s * w.segment) / group;
        lanes[lane] = scale[static_cast<size_t>(g)];
        lanes[16 + lane] = zero[static_cast<size_t>(g)];
      }
      from_f32(lanes, w.meta_dtype, w.meta.data() + (b * w.segments + s) * 32 * size, 32);
    }
}

}  // namespace

int64_t TiledWeights::row_of(int64_t block, int64_t lane) const {
  if (axis == 1) {
    const int64_t row = block * kBlockRows + lane;
    return row < out ? row : -1;
  }
  const int64_t member = block % class_blocks * kBlockRows + lane;
  return member < class_rows ? block / class_blocks + member * classes : -1;
}

std::optional<TiledWeights> tile_weights(const QuantizedTensor& tensor, DType compute_dtype) {
  TiledWeights w;
  w.nbits = tensor.config.nbits;
  w.out = tensor.shape.at(0);
  w.in = tensor.shape.at(1);
  w.chunks = (w.in + kChunkCols - 1) / kChunkCols;
  w.chunk_bytes = 128 * w.nbits;
  w.compute_dtype = compute_dtype;
  w.meta_dtype = meta_dtype_for(tensor, compute_dtype);
  const int64_t groups = numel(tensor.scale.shape);
  if (!plan_layout(tensor, groups, w)) return std::nullopt;

  fill_meta(w, meta_values(tensor.scale), meta_values(tensor.zero), groups);

  // The grouped view is a reshape of [out, in] at either axis, so unpacked integers are the matrix in row-major order.
  const Buffer flat(w.out * w.in, MemoryUse::scratch);
  unpack(tensor, flat.as<uint8_t>());
  w.quants = Buffer(w.blocks * w.chunks * w.chunk_bytes, MemoryUse::weights);
  const int low = low_bits(w.nbits), high = w.nbits - low;
  parallel_for(w.blocks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      for (int64_t lane = 0; lane < kBlockRows; ++lane) {
        const int64_t row = w.row_of(b, lane);
        if (row < 0) continue;
        const uint8_t* values = flat.as<uint8_t>() + row * w.in;
        for (int64_t k = 0; k < w.in; ++k) {
          uint8_t* chunk = w.quants.as<uint8_t>() + (b * w.chunks + k / kChunkCols) * w.chunk_bytes;
          const int64_t quad = k % kChunkCols / 4;
          put(chunk, low, quad, lane, k % 4, values[k] & ((1 << low) - 1));
          if (high > 0) put(chunk + 128 * low, high, quad, lane, k % 4, values[k] >> low);
        }
      }
  });
  return w;
}

void read_tiled_row(const TiledWeights& w, int64_t row, float* out) {
  const int64_t padded = w.chunks * kChunkCols;
  const int64_t cls = row % w.classes, member = row / w.classes;  // at axis 1 there is one class
  const int64_t block = (w.axis == 0 ? cls * w.class_blocks : 0) + member / kBlockRows, lane = member % kBlockRows;
  for (int64_t k = 0; k < w.in; ++k) {
    const int64_t scale_at = w.axis == 1 ? (block * w.segments + k / w.segment) * 32 + lane : cls * 2 * padded + k;
    const int64_t zero_at = scale_at + (w.axis == 1 ? 16 : padded);
    const float q = static_cast<float>(tiled_value(w, block, lane, k));
    const float centred = round_to(q - meta_value(w, zero_at), w.compute_dtype);
    out[k] = round_to(centred * meta_value(w, scale_at), w.compute_dtype);
  }
}

int tiled_value(const TiledWeights& w, int64_t block, int64_t lane, int64_t column) {
  const uint8_t* chunk = w.chunk(block, column / kChunkCols);
  const int low = low_bits(w.nbits), high = w.nbits - low;
  const int64_t quad = column % kChunkCols / 4;
  int value = get(chunk, low, quad, lane, column % 4);
  if (high > 0) value |= get(chunk + 128 * low, high, quad, lane, column % 4) << low;
  return value;
}

}  // namespace hqq
