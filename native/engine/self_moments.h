// What a model's layers are multiplied with when it reads text that it wrote itself: calibration without a data set.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/job.h"
#include "engine/quantize_plan.h"
#include "quant/input_moments.h"

namespace hqq {

/// Sampled at temperature 1 from the model's first token on.
struct SelfTextOptions {
  int64_t sequences = 32;
  int64_t length = 256;  // ids of each, the first included
  uint64_t seed = 0;
};

using MomentsByModule = std::map<std::string, std::shared_ptr<const InputMoments>, std::less<>>;

/// Moments of the layers in `choices` whose method wants them; empty when none does. Layers that the text does not reach, or that are
/// not part of the forward pass (embedding and head), have none. The same seed gives the same result with any number of threads.
/// Progress {"phase":"write-text"|"measure","done":tokens,"total":tokens}. Throws EngineError: unsupported (a model that cannot be run),
/// out_of_memory saying what the moments would take, cancelled, and what loading throws.
MomentsByModule measure_self_moments(const std::string& model_dir, const std::vector<LayerChoice>& choices,
                                     const SelfTextOptions& options, Reporter& reporter);

}  // namespace hqq
