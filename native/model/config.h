// What a model folder's config.json says, checked and normalised: plain data that any executor can read, with every
// switch of the model's family resolved. Sizes come from untrusted files: every one is capped here, so that no later
// product of two of them can overflow and no absurd allocation is attempted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpu/activation.h"
#include "io/json.h"

namespace hqq {

/// How rotary angles are stretched beyond the trained context; names as in transformers.
enum class RopeScaling : uint8_t { none, linear, dynamic, llama3, yarn, longrope };

struct RopeConfig {
  double theta = 10000.0;
  int64_t rotary_dim = 0;  // even, <= head_dim: partial_rotary_factor * head_dim; the rest passes through
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  // llama3 only
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  /// Trained length: where `dynamic` starts to stretch and `longrope` changes its factors.
  int64_t original_max_position = 0;
  /// yarn and longrope: cos and sin are multiplied by it.
  double attention_factor = 1.0;
  // yarn only
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;
  // longrope only: one per rotated pair
  std::vector<double> short_factor = {}, long_factor = {};

  /// Whether angles depend on how long the sequence gets, once it is longer than the model was trained for.
  bool depends_on_length() const { return scaling == RopeScaling::dynamic || scaling == RopeScaling::longrope; }
};

enum class NormKind : uint8_t {
  rms,    // x / sqrt(mean(x^2) + eps) * weight
  layer,  // (x - mean) / sqrt(variance + eps) * weight + bias
};

/// Queries and keys normalised before they are rotated.
enum class QkNorm : uint8_t {
  none,
  head,  // each head by itself
  all,   // all heads of a token together
};

enum class RopeUse : uint8_t {
  none,
  main,   // ModelConfig::rope
  local,  // ModelConfig::local_rope
};

/// What one block does differently from the others.
struct LayerConfig {
  int64_t window = 0;  // keys that a query sees, its own included; 0: all before it
  RopeUse rope = RopeUse::main;
  bool experts = false;  // a mixture of experts instead of one MLP
};

struct MoeConfig {
  int64_t num_experts = 0;  // 0: the model has none
  int64_t experts_per_token = 0;
  int64_t intermediate_size = 0;         // of one expert
  int64_t shared_intermediate_size = 0;  // of the expert that every token passes; 0: there is none
  bool normalize_weights = true;         // softmax weights of the chosen experts are scaled to sum to one
};

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  std::string model_type;    // "llama"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position = 0;  // trained context length in tokens

  NormKind norm = NormKind::rms;
  double norm_eps = 1e-6;
  /// Norm weights are stored as offsets from one; the loader adds it.
  bool norm_offset = false;
  /// The MLP reads what attention read, and both outputs are added to the residual. Otherwise it reads its own norm of
  /// the residual after attention, or the residual itself where the family has no such norm.
  bool parallel = false;
  Activation activation = Activation::silu;
  bool gated_mlp = true;  // down(activation(gate x) * up x), else down(activation(up x))
  QkNorm qk_norm = QkNorm::none;
  bool qkv_bias = false, o_bias = false, mlp_bias = false, head_bias = false;
  bool tie_word_embeddings = false;
  /// False: every token of a sequence sees all others, as in towers that read pictures.
  bool causal = true;

  /// The language model of one that sees: its tensors are named with a prefix, and `picture_id` stands in prompts for
  /// each row that a picture gives.
  bool sees = false;
  int32_t picture_id = -1;
  bool scales_pictures = false;  // embedding_scale applies to rows of pictures, too

  double embedding_scale = 1.0;
  double attention_scale = 1.0;    // scores = q . k * attention_scale
  double attention_softcap = 0.0;  // c: scores become c * tanh(score / c); 0: off
  double logit_softcap = 0.0;

  RopeConfig rope, local_rope;
  std::vector<LayerConfig> layers;  // num_layers of them
  MoeConfig moe;
  std::vector<int32_t> eos_ids;  // config.json's; generation_config.json is the caller's business
  int32_t bos_id = -1;           // -1: config.json names none

  /// What a text begins with when nothing was said before it.
  int32_t first_id() const { return bos_id >= 0 ? bos_id : (eos_ids.empty() ? 0 : eos_ids.front()); }

  int64_t q_size() const { return num_heads * head_dim; }
  int64_t kv_size() const { return num_kv_heads * head_dim; }
};

/// Names of the architectures the engine runs, as they stand in config.json.
std::vector<std::string> supported_architectures();

/// Of a model that sees: that of its language model. Throws EngineError{unsupported} naming what is not supported and what is, {bad_file} for missing or absurd values.
ModelConfig parse_model_config(const Json& json);
/// Reads `dir`/config.json.
ModelConfig read_model_config(const std::string& dir);

}  // namespace hqq
