#include "quant/group_reader.h"

#include <algorithm>

#include "quant/chunks.h"
#include "quant/group_fit.h"

namespace hqq {

GroupReader::GroupReader(const WeightReader& weights, const Grouping& view, const float* column_weights, int64_t columns)
    : weights_(weights),
      view_(view),
      column_weights_(column_weights),
      columns_(columns),
      padded_(ceil_div(view.group_size, kFitLanes) * kFitLanes),
      groups_per_tile_(view.contiguous() ? std::max<int64_t>(1, kTileElements / padded_) : 64) {}

GroupReader::Tile::Tile(const GroupReader& reader)
    : padded_(reader.padded_),
      weighted_(reader.weighted()),
      values_(reader.groups_per_tile_ * padded_ * 4, MemoryUse::scratch),
      weights_(weighted_ ? reader.groups_per_tile_ * padded_ * 4 : 0, MemoryUse::scratch),
      line_(std::max(reader.view_.group_size, reader.groups_per_tile_) * 4, MemoryUse::scratch) {
  std::fill_n(values_.as<float>(), reader.groups_per_tile_ * padded_, 0.0f);
  if (weighted_) std::fill_n(weights_.as<float>(), reader.groups_per_tile_ * padded_, 0.0f);
}

void GroupReader::read(int64_t first, int64_t count, Tile& tile) const {
  const int64_t g = view_.group_size;
  // Element k of group i lies at origin + i * across + k * along of the flat weight.
  const int64_t across = view_.contiguous() ? g : 1, along = view_.contiguous() ? 1 : view_.cols;
  if (view_.contiguous()) {
    for (int64_t i = 0; i < count; ++i) weights_.read((first + i) * g, g, tile.values_.as<float>() + i * padded_);
  } else {
    float* line = tile.line_.as<float>();
    for (int64_t k = 0; k < g; ++k) {
      weights_.read(first + k * along, count, line);
      weights_.prefetch(first + k * along + count, count);
      for (int64_t i = 0; i < count; ++i) tile.values_.as<float>()[i * padded_ + k] = line[i];
    }
  }
  if (!tile.weighted_) return;
  for (int64_t i = 0; i < count; ++i) {
    float* h = tile.weights_.as<float>() + i * padded_;
    const int64_t origin = first * across + i * across;
    for (int64_t k = 0; k < g; ++k) h[k] = weight_of(origin + k * along);
  }
}

}  // namespace hqq
