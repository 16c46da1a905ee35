#include "quant/mean_error.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/arena.h"
#include "core/thread_pool.h"

namespace hqq {
namespace {

constexpr int64_t kRow = 32;                 // four vectors of eight lanes
constexpr int64_t kElementsPerChunk = 65536;  // of one parallel chunk, at least one block
using Lanes = std::array<float, kRow>;

void add_rows(const float* values, int64_t rows, float* lanes) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t lane = 0; lane < kRow; ++lane) lanes[lane] += values[row * kRow + lane];
  }
}

void add(Lanes& to, const float* from) {
  for (size_t lane = 0; lane < kRow; ++lane) to[lane] += from[lane];
}

/// Fewer than eight values: four scalars at a time instead of four vectors.
float short_sum(const float* values, int64_t n) {
  std::array<float, 4> sums{};
  int64_t i = 0;
  if (n >= 4) {
    for (; i < 4; ++i) sums[static_cast<size_t>(i)] += values[i];
  }
  for (; i < n; ++i) sums[0] += values[i];
  return ((sums[0] + sums[1]) + sums[2]) + sums[3];
}

}  // namespace

float mean_error_in_reference_order(int64_t n, const AbsErrorRange& abs_errors, Reporter& reporter) {
  const float count = static_cast<float>(n);
  if (n < 8) {
    std::array<float, 8> values{};
    abs_errors(0, n, values.data());
    return short_sum(values.data(), n) / count;
  }
  const int64_t rows = n / kRow;
  const int64_t log_rows = rows > 1 ? std::bit_width(static_cast<uint64_t>(rows - 1)) : 0;
  const int64_t power = std::max<int64_t>(4, log_rows / 4);
  const int64_t block_rows = int64_t{1} << power;
  const int64_t blocks = rows / block_rows;

  // Level 0 of the cascade, one set of lanes per block.
  const Buffer block_sums(blocks * kRow * 4, MemoryUse::scratch);
  const int64_t block_elements = block_rows * kRow;
  const int64_t grain = std::max<int64_t>(1, kElementsPerChunk / block_elements);
  check_cancelled(reporter);
  parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
    const Buffer values(block_elements * 4, MemoryUse::scratch);
    for (int64_t block = begin; block < end; ++block) {
      abs_errors(block * block_elements, (block + 1) * block_elements, values.as<float>());
      add_rows(values.as<float>(), block_rows, block_sums.as<float>() + block * kRow);
    }
  });

  std::array<Lanes, 4> level{};
  for (int64_t block = 0; block < blocks; ++block) {
    add(level[1], block_sums.as<float>() + block * kRow);
    const int64_t done = (block + 1) * block_rows;
    for (int64_t j = 1; j < 3; ++j) {
      if ((done & ((block_rows - 1) << (j * power))) != 0) break;
      add(level[static_cast<size_t>(j) + 1], level[static_cast<size_t>(j)].data());
      level[static_cast<size_t>(j)] = {};
    }
  }
  // What no block holds: rows, then vectors (which join the first of the four), then single values.
  const int64_t rest_begin = blocks * block_elements;
  const Buffer rest((n - rest_begin) * 4, MemoryUse::scratch);
  const float* values = rest.as<float>();
  if (n > rest_begin) abs_errors(rest_begin, n, rest.as<float>());
  const int64_t rest_rows = rows - blocks * block_rows;
  add_rows(values, rest_rows, level[0].data());
  for (size_t j = 1; j < 4; ++j) add(level[0], level[j].data());
  int64_t at = rest_rows * kRow;
  for (; rest_begin + at + 8 <= n; at += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) level[0][static_cast<size_t>(lane)] += values[at + lane];
  }
  float sum = 0;
  for (; rest_begin + at < n; ++at) sum += values[at];
  for (size_t lane = 0; lane < 8; ++lane) {
    sum += ((level[0][lane] + level[0][lane + 8]) + level[0][lane + 16]) + level[0][lane + 24];
  }
  return sum / count;
}

}  // namespace hqq
