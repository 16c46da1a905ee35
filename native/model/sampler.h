// Chooses the next token from logits. Filters run in transformers' order: repetition penalty, temperature, top-k,
// top-p, min-p.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace hqq {

/// Deterministic generator (xoshiro256**, Blackman and Vigna, seeded by splitmix64): same seed, same stream on every
/// platform.
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t next();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();

 private:
  uint64_t state_[4];
};

class Sampler {
 public:
  /// Throws EngineError{bad_input} for a value out of range.
  Sampler(const SamplingOptions& options, int64_t vocab_size);
  /// Counts an id (of the prompt, or chosen) towards the repetition penalty.
  void saw(int32_t id);
  /// Picks an id; `logits` is scratch afterwards. Ties go to the lower id.
  int32_t pick(std::span<float> logits);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  void penalise(std::span<float> logits) const;
  SamplingOptions options_;
  Random random_;
  std::vector<uint8_t> seen_;
  std::vector<int32_t> seen_ids_;
  std::vector<Candidate> candidates_;
};

}  // namespace hqq
