#include <cmath>
#include <map>
#include <vector>

#include "core/error.h"
#include "model/sampler.h"
#include "tests/support/check.h"

using namespace hqq;

namespace {

/// How often each id is drawn from these logits.
std::map<int32_t, int> draw(const SamplingOptions& options, const std::vector<float>& logits, int times) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::map<int32_t, int> counts;
  for (int i = 0; i < times; ++i) {
    auto scratch = logits;
    ++counts[sampler.pick(scratch)];
  }
  return counts;
}

int32_t pick_once(const SamplingOptions& options, std::vector<float> logits, const std::vector<int32_t>& seen = {}) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  for (const int32_t id : seen) sampler.saw(id);
  return sampler.pick(logits);
}

/// Logits with the given probabilities.
std::vector<float> logits_for(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

}  // namespace

TEST("the generator is the same on every platform") {
  Random random(42);
  CHECK_EQ(random.next(), 1546998764402558742u);
  CHECK_EQ(random.next(), 6990951692964543102u);
  Random other(42);
  for (int i = 0; i < 1000; ++i) {
    const double u = other.uniform();
    CHECK(u >= 0.0 && u < 1.0);
  }
}

TEST("greedy takes the largest logit, the lower id on a tie") {
  CHECK_EQ(pick_once({}, {0.0f, 3.0f, 1.0f, 3.0f}), 1);
  CHECK_EQ(pick_once({}, {NAN, NAN}), 0);
}

TEST("same seed, same ids; another seed, other ids") {
  const auto logits = logits_for({0.25, 0.25, 0.25, 0.25});
  const auto sequence = [&](uint64_t seed) {
    Sampler sampler({.temperature = 1.0, .seed = seed}, 4);
    std::vector<int32_t> ids;
    for (int i = 0; i < 64; ++i) {
      auto scratch = logits;
      ids.push_back(sampler.pick(scratch));
    }
    return ids;
  };
  CHECK(sequence(7) == sequence(7));
  CHECK(sequence(7) != sequence(8));
}

TEST("temperature 1 draws with the model's probabilities") {
  const std::vector<double> p = {0.5, 0.3, 0.15, 0.05};
  const auto counts = draw({.temperature = 1.0, .seed = 1}, logits_for(p), 20000);
  for (size_t i = 0; i < p.size(); ++i) CHECK_NEAR(counts.at(static_cast<int32_t>(i)) / 20000.0, p[i], 0.015);
}

TEST("temperature 0.5 squares the probabilities") {
  const auto counts = draw({.temperature = 0.5, .seed = 2}, logits_for({0.6, 0.3, 0.1}), 20000);
  CHECK_NEAR(counts.at(0) / 20000.0, 0.36 / 0.46, 0.015);
}

TEST("top-k keeps the k likeliest") {
  const auto counts = draw({.temperature = 1.0, .top_k = 2, .seed = 3}, logits_for({0.1, 0.4, 0.2, 0.3}), 2000);
  CHECK_EQ(counts.size(), size_t{2});
  CHECK(counts.contains(1) && counts.contains(3));
}

TEST("top-p keeps the smallest set that reaches it") {
  const auto logits = logits_for({0.1, 0.45, 0.15, 0.3});
  CHECK_EQ(draw({.temperature = 1.0, .top_p = 0.7, .seed = 4}, logits, 2000).size(), size_t{2});  // 0.45 + 0.3
  CHECK_EQ(draw({.temperature = 1.0, .top_p = 0.8, .seed = 4}, logits, 2000).size(), size_t{3});
  CHECK_EQ(draw({.temperature = 1.0, .top_p = 1e-6, .seed = 4}, logits, 200).size(), size_t{1});  // never empty
}

TEST("min-p drops what is unlikely beside the best") {
  const auto logits = logits_for({0.5, 0.3, 0.15, 0.05});
  CHECK_EQ(draw({.temperature = 1.0, .min_p = 0.4, .seed = 5}, logits, 2000).size(), size_t{2});  // 0.2 and more
  CHECK_EQ(draw({.temperature = 1.0, .min_p = 1.0, .seed = 5}, logits, 200).size(), size_t{1});
}

TEST("filters combine") {
  const auto logits = logits_for({0.4, 0.3, 0.2, 0.1});
  const auto counts =
      draw({.temperature = 1.0, .top_k = 3, .top_p = 0.7, .seed = 6}, logits, 2000);  // 0.4/0.9 + 0.3/0.9 > 0.7
  CHECK_EQ(counts.size(), size_t{2});
}

TEST("the repetition penalty pushes seen ids down, greedy included") {
  CHECK_EQ(pick_once({.repetition_penalty = 1.5}, {1.0f, 2.0f, 1.9f}, {1}), 2);
  CHECK_EQ(pick_once({.repetition_penalty = 1.5}, {-2.0f, -1.0f, -1.2f}, {1, 1}),
           2);  // negative logits are multiplied, once
  CHECK_EQ(pick_once({.repetition_penalty = 1.0}, {1.0f, 2.0f, 1.9f}, {1}), 1);
}

TEST("options out of range are refused") {
  CHECK_THROWS_CODE(Sampler({.temperature = -1.0}, 4), bad_input);
  CHECK_THROWS_CODE(Sampler({.temperature = NAN}, 4), bad_input);
  CHECK_THROWS_CODE(Sampler({.top_k = -1}, 4), bad_input);
  CHECK_THROWS_CODE(Sampler({.top_p = 0.0}, 4), bad_input);
  CHECK_THROWS_CODE(Sampler({.min_p = 1.5}, 4), bad_input);
  CHECK_THROWS_CODE(Sampler({.repetition_penalty = 0.0}, 4), bad_input);
}
