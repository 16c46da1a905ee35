#include "model/router.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hqq {

std::vector<Route> route(const float* scores, int64_t experts, int64_t k, bool normalize) {
  std::vector<int32_t> order(static_cast<size_t>(experts));
  std::iota(order.begin(), order.end(), 0);
  const auto best = [scores](int32_t a, int32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; };
  std::partial_sort(order.begin(), order.begin() + k, order.end(), best);
  const float top = scores[order.front()];
  double total = 0, chosen = 0;
  for (int64_t e = 0; e < experts; ++e) total += std::exp(static_cast<double>(scores[e]) - top);
  std::vector<Route> routes;
  for (int64_t i = 0; i < k; ++i) {
    const int32_t expert = order[static_cast<size_t>(i)];
    const double share = std::exp(static_cast<double>(scores[expert]) - top) / total;
    chosen += share;
    routes.push_back({expert, static_cast<float>(share)});
  }
  if (normalize)
    for (Route& r : routes) r.weight = static_cast<float>(r.weight / chosen);
  std::sort(routes.begin(), routes.end(), [](const Route& a, const Route& b) { return a.expert < b.expert; });
  return routes;
}

}  // namespace hqq
