#include "model/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hqq {

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    word = z ^ z >> 31;
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9, t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

Sampler::Sampler(const SamplingOptions& options, int64_t vocab_size)
    : options_(options), random_(options.seed), seen_(static_cast<size_t>(vocab_size), 0) {
  const auto in_range = [](bool ok, const char* rule) { require(ok, ErrorCode::bad_input, rule); };
  in_range(options.temperature >= 0 && std::isfinite(options.temperature), "temperature must be 0 or more");
  in_range(options.top_k >= 0, "top-k must be 0 (off) or more");
  in_range(options.top_p > 0 && options.top_p <= 1, "top-p must be above 0 and at most 1");
  in_range(options.min_p >= 0 && options.min_p <= 1, "min-p must be from 0 to 1");
  in_range(options.repetition_penalty > 0 && std::isfinite(options.repetition_penalty),
           "repetition penalty must be above 0");
}

void Sampler::saw(int32_t id) {
  if (seen_[static_cast<size_t>(id)]) return;
  seen_[static_cast<size_t>(id)] = 1;
  seen_ids_.push_back(id);
}

void Sampler::penalise(std::span<float> logits) const {
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  if (penalty == 1.0f) return;
  for (const int32_t id : seen_ids_) {
    float& value = logits[static_cast<size_t>(id)];
    value = value > 0 ? value / penalty : value * penalty;
  }
}

int32_t Sampler::pick(std::span<float> logits) {
  penalise(logits);
  // NaN compares false: a broken model still yields an id, the first.
  int32_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[static_cast<size_t>(best)]) best = static_cast<int32_t>(i);
  if (options_.temperature == 0.0) return best;

  const double top = logits[static_cast<size_t>(best)], inverse = 1.0 / options_.temperature;
  const auto weight = [&](const Candidate& c) { return std::exp((c.logit - top) * inverse); };
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  candidates_.clear();
  // Less than 2^-60 of the best one's probability can never be drawn from 53 random bits.
  const double floor = top - 41.6 * options_.temperature;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] >= floor) candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  if (candidates_.empty()) return best;

  if (options_.top_k > 0 && options_.top_k < static_cast<int64_t>(candidates_.size())) {
    std::nth_element(candidates_.begin(), candidates_.begin() + options_.top_k, candidates_.end(), likelier);
    candidates_.resize(static_cast<size_t>(options_.top_k));
  }
  double total = 0;
  for (const Candidate& c : candidates_) total += weight(c);
  if (options_.top_p < 1.0) {
    // The smallest set of likeliest ids whose probability reaches top_p: taken off a heap, so the tail is never sorted.
    const auto less_likely = [&](const Candidate& a, const Candidate& b) { return likelier(b, a); };
    std::make_heap(candidates_.begin(), candidates_.end(), less_likely);
    double kept = 0;
    auto end = candidates_.end();
    while (end != candidates_.begin() && kept < options_.top_p * total) {
      std::pop_heap(candidates_.begin(), end, less_likely);
      kept += weight(*--end);
    }
    candidates_.erase(candidates_.begin(), end);
    total = kept;
  }
  if (options_.min_p > 0.0) {
    std::erase_if(candidates_, [&](const Candidate& c) { return weight(c) < options_.min_p; });
    total = 0;
    for (const Candidate& c : candidates_) total += weight(c);
  }
  // Drawing in id order makes the result independent of how the filters shuffled the candidates.
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  double left = random_.uniform() * total;
  for (const Candidate& c : candidates_)
    if ((left -= weight(c)) < 0) return c.id;
  return candidates_.back().id;
}

}  // namespace hqq
