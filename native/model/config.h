// What a model folder's config.json says, checked and normalised. Sizes come from untrusted files: every one is capped
// here, so that no later product of two of them can overflow and no absurd allocation is attempted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/json.h"

namespace hqq {

/// How rotary angles are stretched beyond the trained context; names as in transformers.
enum class RopeScaling : uint8_t { none, linear, dynamic, llama3 };

struct RopeConfig {
  double theta = 10000.0;
  int64_t rotary_dim = 0;  // even, <= head_dim: partial_rotary_factor * head_dim; the rest passes through
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  // llama3 only
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_max_position = 0;  // also the length from which `dynamic` starts to stretch
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
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  // q, k, v and o
  bool mlp_bias = false;
  RopeConfig rope;
  std::vector<int32_t> eos_ids;  // config.json's; generation_config.json is the caller's business
};

/// Names of the architectures the engine runs, as they stand in config.json.
std::vector<std::string> supported_architectures();

/// Throws EngineError{unsupported} naming what is not supported and what is, {bad_file} for missing or absurd values.
ModelConfig parse_model_config(const Json& json);
/// Reads `dir`/config.json.
ModelConfig read_model_config(const std::string& dir);

}  // namespace hqq
