// Second moments of what a linear layer is multiplied with: they say which weights matter, and how errors in neighbouring columns
// can cancel.
#pragma once

#include <cstdint>

#include "core/arena.h"

namespace hqq {

struct InputMoments {
  int64_t columns = 0;
  Buffer diagonal;  // f32[columns]: mean square of each input
  Buffer full;      // f32[columns, columns]: mean of x_i x_j for j <= i, the rest is not set; empty where nobody asked for it
};

}  // namespace hqq
