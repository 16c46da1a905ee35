// What each matrix of a model loses under each of several ways to quantize it, and what that does to the model's predictions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/job.h"
#include "engine/quantize_plan.h"
#include "engine/self_moments.h"

namespace hqq {

struct SensitivityOptions {
  std::string model_dir;
  struct Layer {
    std::string module;
    std::vector<LayerChoice> candidates;
    size_t probe = 0;  // the candidate whose effect on the predictions is measured
  };
  std::vector<Layer> layers;
  DType meta_dtype = DType::f16;
  MomentsOptions moments;
  /// Ids of the text, from its start, on which distributions are compared.
  int64_t tokens = 2048;
  /// Candidates are kept here and taken from here (engine/candidate_store.h); empty: nowhere.
  std::string store_dir;
};

struct CandidateLoss {
  double relative_error = 0;  // mean |w' - w| / mean |w|
  double weighted_error = 0;  // tr(E H E^T), E = W' - W and H the second moments of the input: squared error of the output, for each token
  int64_t bytes = 0;          // as stored
  double seconds = 0;         // that quantizing took
  bool kept = false;          // taken from the store
};

struct LayerSensitivity {
  std::string module;
  std::vector<CandidateLoss> candidates;
  double divergence = 0;  // of the probe, in nats a token: KL(model || model with this matrix quantized)
};

struct SensitivityResult {
  int64_t tokens = 0;   // whose distributions were compared
  double mean_nll = 0;  // of the text under the model as it is
  double seconds = 0;
};

/// Calls `each` for one layer after the other. Progress {"phase":"write-text"|"measure"|"reference","done":tokens,"total":tokens}, then
/// {"phase":"candidates","done":layers,"total":layers}. Layers that the text does not reach have a divergence of 0. Throws EngineError as
/// measure_self_moments() and quantizing.
SensitivityResult measure_sensitivity(const SensitivityOptions& options, const std::function<void(const LayerSensitivity&)>& each,
                                      Reporter& reporter);

}  // namespace hqq
