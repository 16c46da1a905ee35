// Which experts a token goes to.
#pragma once

#include <cstdint>
#include <vector>

namespace hqq {

struct Route {
  int32_t expert = 0;
  float weight = 0.0f;
};

/// The `k` experts with the highest scores (the lower index of equals) in index order, weighted with their share of the
/// softmax over all `experts` scores; with `normalize` the weights are scaled to sum to one.
std::vector<Route> route(const float* scores, int64_t experts, int64_t k, bool normalize);

}  // namespace hqq
