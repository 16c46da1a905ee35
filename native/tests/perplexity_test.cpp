// The two protocols on a made-up loss, so that windows, weights and denominators are seen exactly.
#include <cmath>
#include <string>
#include <vector>

#include "model/perplexity.h"
#include "tests/support/check.h"

using namespace hqq;

namespace {

PerplexityOptions hqq_protocol(int64_t window, int64_t stride) {
  return {.protocol = PerplexityProtocol::hqq, .window = window, .stride = stride};
}
PerplexityOptions windows_protocol(int64_t window) {
  return {.protocol = PerplexityProtocol::windows, .window = window};
}

void check_window(const ScoredWindow& w, int64_t begin, int64_t end, int64_t first_target, double weight) {
  CHECK_EQ(w.begin, begin);
  CHECK_EQ(w.end, end);
  CHECK_EQ(w.first_target, first_target);
  CHECK_EQ(w.weight, weight);
}

}  // namespace

TEST("hqq: the first window is short, the rest slide, the last is cut") {
  const auto w = plan_windows(10, hqq_protocol(6, 3));
  CHECK_EQ(w.size(), size_t{4});
  check_window(w[0], 0, 3, 1, 3);  // three new ids, two of them predicted
  check_window(w[1], 0, 6, 3, 3);
  check_window(w[2], 3, 9, 6, 3);
  check_window(w[3], 6, 10, 9, 1);
}

TEST("hqq: the sum is divided by all ids, the first included") {
  NullReporter reporter;
  const auto r = measure_perplexity(
      10, hqq_protocol(6, 3), [](const ScoredWindow&) { return 2.0; }, reporter);
  CHECK_EQ(r.tokens, 10);
  CHECK_EQ(r.scored_tokens, 9);
  CHECK_EQ(r.windows, 4);
  CHECK_NEAR(r.nll_sum, 20.0, 1e-12);
  CHECK_NEAR(r.perplexity, std::exp(2.0), 1e-9);
}

TEST("windows: disjoint, the incomplete last one dropped") {
  NullReporter reporter;
  const auto w = plan_windows(11, windows_protocol(4));
  CHECK_EQ(w.size(), size_t{2});
  check_window(w[1], 4, 8, 5, 3);
  const auto r = measure_perplexity(
      11, windows_protocol(4), [](const ScoredWindow& s) { return s.begin == 0 ? 1.0 : 2.0; }, reporter);
  CHECK_EQ(r.tokens, 6);
  CHECK_NEAR(r.perplexity, std::exp(1.5), 1e-9);
}

TEST("hqq: window equal to stride leaves one id of each window unpredicted") {
  const auto w = plan_windows(9, hqq_protocol(4, 4));
  CHECK_EQ(w.size(), size_t{2});  // the ninth id would stand alone
  check_window(w[1], 4, 8, 5, 4);
}

TEST("too short a text, bad sizes") {
  CHECK_THROWS_CODE(plan_windows(3, windows_protocol(4)), bad_input);
  CHECK_THROWS_CODE(plan_windows(1, hqq_protocol(4, 2)), bad_input);
  CHECK_THROWS_CODE(plan_windows(0, hqq_protocol(4, 2)), bad_input);
  CHECK_THROWS_CODE(plan_windows(9, windows_protocol(1)), bad_input);
  CHECK_THROWS_CODE(plan_windows(9, hqq_protocol(4, 0)), bad_input);
  CHECK_THROWS_CODE(plan_windows(9, hqq_protocol(4, 5)), bad_input);
}

TEST("progress after each window, cancel between windows") {
  struct Watcher final : Reporter {
    std::vector<std::string> seen;
    void progress(const std::string& json) override { seen.push_back(json); }
    void emit(const std::string&) override {}
    bool cancelled() const override { return seen.size() == 2; }
  } watcher;
  CHECK_THROWS_CODE(measure_perplexity(
                        100, windows_protocol(10), [](const ScoredWindow&) { return 0.0; }, watcher),
                    cancelled);
  CHECK_EQ(watcher.seen.size(), size_t{2});
  CHECK_EQ(watcher.seen[1], std::string("{\"phase\":\"perplexity\",\"done\":2,\"total\":10,\"perplexity\":1}"));
}
