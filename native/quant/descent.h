// What is left to gain once every integer of a row is chosen: the error of the layer's output is e H e^T with e = w' - w, and each
// group's scale and offset, and each integer, can still be set to the best it can be while all others stay. Neither step can raise the
// error, so passes over the row end in a local minimum (cyclic coordinate descent, e.g. Wright 2015).
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "quant/group_fit.h"

namespace hqq {

struct DescentProblem {
  const float* h = nullptr;  // H, symmetric: f32[columns][columns]
  int64_t columns = 0;
  int64_t group_size = 0;  // divides columns
  float max_value = 0;     // 2^nbits - 1
  bool fit_maps = true;    // false: maps stay as they are, only integers move
};

/// The state of a few rows while they descend. One per thread.
class Descent {
 public:
  Descent(const DescentProblem& problem, int64_t most_rows);

  /// Improves the integers q and the maps of `rows` rows that stand for the weights `exact`, both [rows][columns];
  /// maps[r * groups + g]. Makes `passes` over all groups. The error e H e^T of no row rises.
  void run(const float* exact, float* q, AffineMap* maps, int64_t rows, int passes);

 private:
  void start(const float* exact, const float* q, const AffineMap* maps, int64_t rows);
  void load_group(int64_t begin);
  void improve_group(float* q, AffineMap& map, const float* gradient, float* change);
  void improve_integers(float* q, float scale, float* change);
  void improve_map(const float* q, AffineMap& map, float* change);

  DescentProblem problem_;
  int64_t groups_;
  Buffer error_, gradient_;  // [rows][columns]: e and e H
  Buffer change_;            // [rows][group_size]: what this visit did to e
  Buffer local_, image_;     // [group_size]: e H, and q H, inside the group
  Buffer block_, ones_;      // of the group: its part of H [group_size][group_size], and the sums of its rows
  double all_ones_ = 0;      // and their sum
};

}  // namespace hqq
