// Which tensors a model is made of: the family's names with every shape worked out, as data. Executors gather their
// weights by it, so that none of them knows a family.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/family.h"
#include "model/weight_source.h"

namespace hqq {

/// A matrix MODULE.weight [out, in], or its quantized form, and MODULE.bias [out] when `bias`.
struct LinearSpec {
  std::string module;  // empty: the model has none
  int64_t out = 0, in = 0;
  bool bias = false;
};

/// MODULE.weight [size], and MODULE.bias for NormKind::layer.
struct NormSpec {
  std::string module;  // empty: the model has none
  int64_t size = 0;
};

struct MlpSpec {
  /// What reads the input; outputs stand side by side as [gate][up], or [up] alone. One matrix may hold both.
  std::vector<LinearSpec> in;
  LinearSpec down;
};

struct BlockSpec {
  NormSpec input_norm, attention_out_norm, mlp_norm, mlp_out_norm;
  std::vector<LinearSpec> qkv;  // outputs side by side as [q][k][v]: three matrices, or one that holds all
  NormSpec q_norm, k_norm;      // of one head (QkNorm::head) or of all heads (QkNorm::all)
  LinearSpec o;
  MlpSpec mlp;  // of a block without experts
  LinearSpec router;
  std::vector<MlpSpec> experts;
  MlpSpec shared_expert;
  LinearSpec shared_gate;  // [1, hidden]
};

/// A tower that reads pictures has no embedding, and a head only where it projects what it saw.
struct ModelLayout {
  LinearSpec embedding;  // [vocab, hidden]
  NormSpec final_norm;
  LinearSpec head;  // [vocab, hidden]; in a tied model stored only when it was quantized on its own
  std::vector<BlockSpec> blocks;
};

/// `source` decides between the layouts of names that a family has. Throws EngineError{bad_file} when its embedding has
/// none of the known names.
ModelLayout model_layout(const ModelConfig& config, const WeightSource& source);

/// The blocks of a transformer whose tensors have these names after `prefix`.
std::vector<BlockSpec> block_layout(const ModelConfig& config, const TensorNames& names, const std::string& prefix);

/// Linear layers of a layout, the embedding and the head included where there are any.
int64_t count_linears(const ModelLayout& layout);

}  // namespace hqq
