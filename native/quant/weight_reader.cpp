#include "quant/weight_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/error.h"

namespace hqq {

void WeightReader::throw_bad_weight() const {
  const int64_t n = view_.numel();
  std::array<float, 1024> block;
  for (int64_t begin = 0; begin < n; begin += static_cast<int64_t>(block.size())) {
    const int64_t count = std::min<int64_t>(n - begin, static_cast<int64_t>(block.size()));
    read(begin, count, block.data());
    for (int64_t i = 0; i < count; ++i) {
      const float w = block[static_cast<size_t>(i)];
      if (std::fabs(w) < 1.7e38f) continue;
      const std::string what = std::isnan(w) ? "NaN" : std::isinf(w) ? "infinite" : "too large for float32 arithmetic";
      const int64_t at = begin + i, cols = view_.shape[1];
      throw EngineError(ErrorCode::bad_weights, "the weight in row " + std::to_string(at / cols) + ", column " +
                                                    std::to_string(at % cols) + " is " + what +
                                                    "; the file is damaged or was saved from a diverged model");
    }
  }
  throw EngineError(ErrorCode::internal, "a weight was reported as not finite but none is");
}

}  // namespace hqq
