// Position embeddings of pictures of another size than the tower was trained on.
#pragma once

#include <vector>

#include "model/vision_config.h"

namespace hqq {

/// `from` [rows][cols][size], stretched to [to_rows][to_cols][size] by cubic convolution along both sides, as
/// torch.nn.functional.interpolate does with mode "bicubic", align_corners off, and antialias as `stretching` says.
std::vector<float> stretch_positions(const float* from, int64_t rows, int64_t cols, int64_t size, int64_t to_rows,
                                     int64_t to_cols, Stretching stretching);

}  // namespace hqq
