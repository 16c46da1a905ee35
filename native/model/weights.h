// All tensors of a model, ready to run on the CPU, and how they are gathered from a source.
#pragma once

#include <string>
#include <vector>

#include "cpu/linear.h"
#include "model/layout.h"
#include "model/model.h"
#include "model/weight_source.h"

namespace hqq {

struct Norm {
  Buffer weight, bias;  // f32[size]; empty: the model has no such norm, or it has no bias

  bool exists() const { return weight.bytes() > 0; }
};

/// The members mean what they mean in model/layout.h.
struct Mlp {
  std::vector<Linear> in;
  Linear down;
};

struct BlockWeights {
  Norm input_norm, attention_out_norm, mlp_norm, mlp_out_norm;
  std::vector<Linear> qkv;
  Norm q_norm, k_norm;
  Linear o;
  Mlp mlp;
  Linear router;
  std::vector<Mlp> experts;
  Mlp shared_expert;
  Linear shared_gate;
};

struct ModelWeights {
  Linear embedding;
  std::vector<BlockWeights> blocks;
  Norm final_norm;
  Linear own_head;  // empty when the embedding's rows are the head's, too
  bool head_is_embedding = false;
  std::vector<LayerInfo> layers;
  int64_t parameters = 0;
  int64_t mapped_bytes = 0;
  int64_t vector_bytes = 0;  // norms and biases, kept as float32

  const Linear& head() const { return head_is_embedding ? embedding : own_head; }
  int64_t resident_bytes() const;
  int64_t metadata_bytes() const;
  int64_t bytes_per_token() const;
};

/// Gathers and repacks layer by layer; memory peaks at the result plus one layer. Checks every shape against the
/// config. Progress {"phase":"load","done":layers,"total":layers}. Throws
/// {bad_file|unsupported|out_of_memory|cancelled}.
ModelWeights load_weights(const ModelConfig& config, WeightSource& source, DType compute_dtype, Reporter& reporter);
/// The same of a layout that the caller worked out. `config` has the switches of norms and, for a tied head, its own.
ModelWeights load_weights(const ModelConfig& config, ModelLayout layout, WeightSource& source, DType compute_dtype,
                          Reporter& reporter);

}  // namespace hqq
