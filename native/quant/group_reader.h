// Groups of a weight matrix as contiguous float32 runs, padded for the solvers that take one group at a time.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "quant/grouping.h"
#include "quant/weight_reader.h"

namespace hqq {

class GroupReader {
 public:
  /// Keeps references. `column_weights`: f32[columns], or null when all values count alike.
  GroupReader(const WeightReader& weights, const Grouping& view, const float* column_weights, int64_t columns);

  /// Groups that are read together: neighbouring columns of a strided view share their cache lines.
  int64_t groups_per_tile() const { return groups_per_tile_; }
  /// Group size rounded up to whole lanes; the rest counts with weight 0.
  int64_t padded_size() const { return padded_; }

  /// Memory of one thread for a tile.
  class Tile {
   public:
    explicit Tile(const GroupReader& reader);
    const float* values(int64_t i) const { return values_.as<float>() + i * padded_; }
    /// Null when every value of a group counts alike and none is padding.
    const float* weights(int64_t i) const { return weighted_ ? weights_.as<float>() + i * padded_ : nullptr; }

   private:
    friend class GroupReader;
    int64_t padded_;
    bool weighted_;
    Buffer values_, weights_, line_;
  };

  /// Groups [first, first + count), count <= groups_per_tile().
  void read(int64_t first, int64_t count, Tile& tile) const;

 private:
  bool weighted() const { return column_weights_ != nullptr || padded_ != view_.group_size; }
  float weight_of(int64_t element) const { return column_weights_ != nullptr ? column_weights_[element % columns_] : 1.0f; }

  const WeightReader& weights_;
  const Grouping& view_;
  const float* column_weights_;
  int64_t columns_, padded_, groups_per_tile_;
};

}  // namespace hqq
