// Choosing experts.
#include "model/router.h"

#include <cmath>

#include "tests/support/check.h"

using namespace hqq;

TEST("the best experts in index order, weighted by their share of the softmax") {
  const float scores[] = {0.0f, 2.0f, 1.0f, 3.0f};
  double total = 0;
  for (const float s : scores) total += std::exp(static_cast<double>(s));
  const auto shares = route(scores, 4, 2, false);
  CHECK_EQ(shares.size(), size_t{2});
  CHECK(shares[0].expert == 1 && shares[1].expert == 3);
  CHECK_NEAR(shares[0].weight, std::exp(2.0) / total, 1e-6);
  CHECK_NEAR(shares[1].weight, std::exp(3.0) / total, 1e-6);
  const auto scaled = route(scores, 4, 2, true);
  CHECK_NEAR(scaled[0].weight + scaled[1].weight, 1.0, 1e-6);
  CHECK_NEAR(scaled[1].weight / scaled[0].weight, std::exp(1.0), 1e-5);
}

TEST("ties go to the lower index; all experts can be chosen") {
  const float scores[] = {1.0f, 1.0f, 1.0f};
  CHECK(route(scores, 3, 2, true)[1].expert == 1);
  CHECK_EQ(route(scores, 3, 3, true).size(), size_t{3});
}

TEST("scores far apart do not overflow") {
  const float scores[] = {1000.0f, -1000.0f};
  const auto routes = route(scores, 2, 2, true);
  CHECK_NEAR(routes[0].weight, 1.0, 1e-6);
  CHECK_NEAR(routes[1].weight, 0.0, 1e-6);
}
