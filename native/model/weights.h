// All tensors of a model, ready to run, and how they are gathered from a source.
#pragma once

#include <string>
#include <vector>

#include "cpu/linear.h"
#include "model/model.h"
#include "model/weight_source.h"

namespace hqq {

struct BlockWeights {
  Buffer input_norm, post_attention_norm;  // f32[hidden]
  Linear q, k, v, o;
  Linear gate, up, down;
};

struct ModelWeights {
  Linear embedding;  // dense [vocab, hidden]
  std::vector<BlockWeights> blocks;
  Buffer final_norm;
  Linear head;  // shares memory with the embedding when tied
  std::vector<LayerInfo> layers;
  int64_t parameters = 0;
  int64_t mapped_bytes = 0;
  int64_t vector_bytes = 0;  // norms and biases, kept as float32

  int64_t resident_bytes() const;
  int64_t metadata_bytes() const;
  int64_t bytes_per_token() const;
};

/// Gathers and repacks layer by layer; memory peaks at the result plus one layer. Checks every shape against the
/// config. Progress {"phase":"load","done":layers,"total":layers}. Throws
/// {bad_file|unsupported|out_of_memory|cancelled}.
ModelWeights load_weights(const ModelConfig& config, WeightSource& source, DType compute_dtype, Reporter& reporter);

}  // namespace hqq
