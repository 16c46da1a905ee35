#include "io/gguf_encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/arena.h"
#include "core/dtype.h"
#include "core/thread_pool.h"
#include "quant/dequantize.h"
#include "quant/meta.h"

namespace hqq {
namespace {

constexpr int64_t kRun = 32;  // values of a block
constexpr uint32_t kQ4_1 = 3, kQ5_1 = 7, kQ8_0 = 8;

/// Integers and float32 metadata of a matrix whose groups are whole runs.
struct Parts {
  Buffer q, scale, zero;
  int64_t runs = 0, runs_per_group = 0;

  explicit Parts(const QuantizedTensor& tensor)
      : q(tensor.rows * tensor.cols, MemoryUse::scratch),
        scale(meta_count(tensor.scale) * 4, MemoryUse::scratch),
        zero(meta_count(tensor.zero) * 4, MemoryUse::scratch),
        runs(tensor.rows * tensor.cols / kRun),
        runs_per_group(tensor.config.group_size / kRun) {
    unpack(tensor, q.as<uint8_t>());
    meta_to_f32(tensor.scale, scale.as<float>());
    meta_to_f32(tensor.zero, zero.as<float>());
  }
  const uint8_t* integers(int64_t run) const { return q.as<uint8_t>() + run * kRun; }
  float scale_of(int64_t run) const { return scale.as<float>()[run / runs_per_group]; }
  float zero_of(int64_t run) const { return zero.as<float>()[run / runs_per_group]; }
};

bool has_whole_runs(const QuantizedTensor& tensor) {
  const QuantConfig& config = tensor.config;
  return config.axis == 1 && config.channel_wise && config.group_size % kRun == 0 && tensor.shape[1] % kRun == 0;
}

bool has_signed_bytes(const QuantizedTensor& tensor) {
  const Parts parts(tensor);
  for (int64_t run = 0; run < parts.runs; ++run) {
    const float zero = parts.zero_of(run);
    if (zero != std::floor(zero)) return false;
    const auto [least, most] = std::minmax_element(parts.integers(run), parts.integers(run) + kRun);
    if (static_cast<float>(*least) - zero < -128 || static_cast<float>(*most) - zero > 127) return false;
  }
  return true;
}

void put_half(float value, std::byte* out) {
  const uint16_t half = f32_to_f16(value);
  std::memcpy(out, &half, sizeof half);
}

/// The first half of a run in the low nibbles, the second in the high ones.
void put_nibbles(const uint8_t* q, std::byte* out) {
  for (int64_t i = 0; i < kRun / 2; ++i) out[i] = static_cast<std::byte>(static_cast<uint8_t>((q[i] & 15) | (q[i + kRun / 2] & 15) << 4));
}

void put_block(uint32_t type, const uint8_t* q, float scale, float zero, std::byte* out) {
  put_half(scale, out);
  if (type == kQ8_0) {
    for (int64_t i = 0; i < kRun; ++i) out[2 + i] = static_cast<std::byte>(static_cast<uint8_t>(static_cast<int>(q[i]) - static_cast<int>(zero)));
    return;
  }
  put_half(-zero * scale, out + 2);
  if (type == kQ5_1) {
    uint32_t fifth = 0;
    for (int64_t i = 0; i < kRun; ++i) fifth |= static_cast<uint32_t>(q[i] >> 4 & 1) << i;
    std::memcpy(out + 4, &fifth, sizeof fifth);
  }
  put_nibbles(q, out + (type == kQ5_1 ? 8 : 4));
}

}  // namespace

const GgufBlock* gguf_block_for(const QuantizedTensor& tensor) {
  if (!has_whole_runs(tensor)) return nullptr;
  const int nbits = tensor.config.nbits;
  if (nbits <= 4) return gguf_block(kQ4_1);
  if (nbits == 5) return gguf_block(kQ5_1);
  return has_signed_bytes(tensor) ? gguf_block(kQ8_0) : nullptr;
}

GgufRounding encode_gguf(const QuantizedTensor& tensor, const GgufBlock& block, std::byte* out) {
  const Parts parts(tensor);
  GgufRounding all;
  std::mutex merging;
  parallel_for(parts.runs, 1 << 12, [&](int64_t begin, int64_t end) {
    GgufRounding mine;
    std::array<uint8_t, kRun> q;
    for (int64_t run = begin; run < end; ++run) {
      std::byte* const target = out + run * block.bytes;
      const float scale = parts.scale_of(run), zero = parts.zero_of(run);
      put_block(block.type, parts.integers(run), scale, zero, target);
      float stored_scale, stored_zero;
      decode_gguf_block(block, target, q.data(), &stored_scale, &stored_zero);
      for (size_t i = 0; i < q.size(); ++i) {
        const double weight = (static_cast<double>(parts.integers(run)[i]) - zero) * scale;
        const double stored = (static_cast<double>(q[i]) - stored_zero) * stored_scale;
        // Not finite when a scale is beyond half precision: then it is the largest of all.
        const double off = std::abs(stored - weight);
        mine.largest_difference = std::isfinite(off) ? std::max(mine.largest_difference, off) : HUGE_VAL;
        mine.largest_weight = std::max(mine.largest_weight, std::abs(weight));
      }
    }
    const std::lock_guard lock(merging);
    all.largest_difference = std::max(all.largest_difference, mine.largest_difference);
    all.largest_weight = std::max(all.largest_weight, mine.largest_weight);
  });
  return all;
}

}  // namespace hqq
