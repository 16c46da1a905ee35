// What a model's layers are multiplied with when it reads text that it wrote itself, calibration without a data set; or a text that
// a person chose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/job.h"
#include "engine/moments_file.h"
#include "engine/quantize_plan.h"
#include "model/model.h"

namespace hqq {

struct MomentsOptions {
  // The text that the model writes itself: sampled at temperature 1 from its first token on.
  int64_t sequences = 0;  // 0: kTokensPerColumn ids for each column of the widest layer, within bounds
  int64_t length = 256;  // ids of each, the first included
  uint64_t seed = 0;
  /// The ids of another text to take in place of that, cut into sequences (at most kMostTextIds of them); empty: none.
  std::string text_ids_file{};
  /// Moments are kept in this file, and taken from it when they are of the same source and text; empty: nowhere.
  std::string keep_in{};
  std::string source{};  // identity of the model, for `keep_in`
};

/// Longer texts are read as far as this.
constexpr int64_t kMostTextIds = 65536;

/// What the moments depend on beside the model: the seed or a hash of the text's ids, and how much of it is read.
std::string text_identity(const MomentsOptions& options);

/// The ids that a model writes or is given, as measure_self_moments() takes them. Progress and errors as there.
std::vector<std::vector<int32_t>> calibration_text(Model& model, const MomentsOptions& options, Reporter& reporter);

/// The text, and moments of the layers in `choices` whose method wants them; empty when none does. Layers that the text does not reach, or that are
/// not part of the forward pass (embedding and head), have none. The same seed gives the same result with any number of threads.
/// Progress {"phase":"write-text"|"measure","done":tokens,"total":tokens}. Throws EngineError: unsupported (a model that cannot be run),
/// out_of_memory saying what the moments would take, cancelled, and what loading throws.
Calibration measure_self_moments(const std::string& model_dir, const std::vector<LayerChoice>& choices,
                                     const MomentsOptions& options, Reporter& reporter);

}  // namespace hqq
