// What exchanging one linear layer does to the predictions of a model: the divergence of its next-token distributions from those of the
// model as it is, on the same ids. The input of every block is kept, so that only the layers from the exchanged one on run again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/job.h"

namespace hqq {

class ModelProbe {
 public:
  /// Loads a folder for the CPU and runs `text` (sequences of at most kMaxBatchTokens ids) once. Progress
  /// {"phase":"reference","done":tokens,"total":tokens}. Throws as Model::load and {out_of_memory} saying what it would keep.
  ModelProbe(const std::string& model_dir, const std::vector<std::vector<int32_t>>& text, Reporter& reporter);
  ~ModelProbe();

  /// Positions whose distributions are compared.
  int64_t tokens() const;
  /// Mean of -ln p over the ids of the text that have a prediction, under the model as it is.
  double mean_nll() const;
  /// Whether the layer takes part in a forward pass of the blocks.
  bool has(const std::string& module) const;

  /// Mean of KL(model || model with `weight` f32[out, in] as MODULE.weight) over all positions, in nats. Throws EngineError{bad_input} for
  /// a module that has() not, {cancelled}.
  double divergence(const std::string& module, const float* weight, const Reporter& reporter);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hqq
