// Perplexity of a stream of ids under the two protocols that this project states with every number.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/model.h"

namespace hqq {

/// One forward pass of a protocol: ids [begin, end), of which those at [first_target, end) are scored.
struct ScoredWindow {
  int64_t begin = 0, end = 0;
  int64_t first_target = 0;  // > begin: the first id of a window has no prediction
  double weight = 0;         // multiplies the mean negative log-likelihood of the window
};

/// The windows of a protocol over `count` ids. Throws EngineError{bad_input} for sizes that give none.
std::vector<ScoredWindow> plan_windows(int64_t count, const PerplexityOptions& options);

/// Mean negative log-likelihood of ids[first_target..end) given ids[begin..): what a model supplies.
using WindowLoss = std::function<double(const ScoredWindow& window)>;

PerplexityResult measure_perplexity(int64_t count, const PerplexityOptions& options, const WindowLoss& loss,
                                    Reporter& reporter);

}  // namespace hqq
