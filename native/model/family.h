// What differs between model families, as data: one Family per architecture name, in model/families/. The transformer is
// written once, over the plain switches of model/config.h and the tensors of model/layout.h that these are turned into.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/config.h"

namespace hqq {

/// Names of a model's modules: tensors are NAME.weight and NAME.bias. Names from `input_norm` on stand inside a block,
/// after `block_prefix` + index + "."; an empty one means that the family has no such module.
struct TensorNames {
  std::string_view embedding = {}, final_norm = {}, head = {};
  std::string_view block_prefix = {};
  // Norms before and after attention, before and after the MLP.
  std::string_view input_norm = {}, attention_out_norm = {}, mlp_norm = {}, mlp_out_norm = {};
  std::string_view q = {}, k = {}, v = {};  // or one fused:
  std::string_view qkv = {};      // rows of q, then k, then v
  std::string_view q_norm = {}, k_norm = {};
  std::string_view o = {};
  std::string_view gate = {}, up = {};  // no gate where the MLP is not gated; or one fused:
  std::string_view gate_up = {};   // rows of gate, then up
  std::string_view down = {};
  // Mixture of experts: `experts` + index + "." + expert_gate ...
  std::string_view router = {}, experts = {}, expert_gate = {}, expert_up = {}, expert_down = {};
  std::string_view shared_expert = {}, shared_gate = {};  // an MLP that every token passes, and its weight
};

/// Where sliding windows apply; `layer_types` of config.json has precedence where the family reads it.
enum class WindowRule : uint8_t {
  none,
  all,         // every layer
  from_layer,  // layers from max_window_layers on, when use_sliding_window
  pattern,     // all but every n-th layer
  unrotated,   // layers without rotation, when use_sliding_window
};

/// Whether a projection has a bias: a fixed answer, or the config's field `attention_bias`, `mlp_bias` or `qkv_bias`.
enum class Bias : uint8_t { no, yes, by_attention_bias, by_mlp_bias, by_qkv_bias };

/// One architecture. Members from `norm` on are switches, and the defaults of fields that config.json may leave out.
struct Family {
  std::string_view architecture = {};
  /// Layouts of names in circulation; a model is read in the first whose embedding it has.
  std::array<TensorNames, 3> names = {};

  NormKind norm = NormKind::rms;
  std::string_view norm_eps_key = "rms_norm_eps";
  double norm_eps = 1e-6;
  bool norm_offset = false;  // stored norm weights are offsets from one
  bool parallel = false;
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
  bool gated_mlp = true;
  QkNorm qk_norm = QkNorm::none;
  std::string_view qk_norm_key = {};  // field that turns qk_norm on; empty: it is always on
  Bias qkv_bias = Bias::no, o_bias = Bias::no, mlp_bias = Bias::no, head_bias = Bias::no;
  bool tied = false;
  int64_t head_dim = 0;  // 0: hidden_size / num_attention_heads
  int64_t max_position = 2048;
  bool scaled_embedding = false;  // by sqrt(hidden_size)
  bool scales_pictures = false;   // and so are the rows that pictures give
  int64_t query_scalar = 0;       // scores are divided by sqrt(query_pre_attn_scalar); 0: by sqrt(head_dim)
  double attention_softcap = 0.0, logit_softcap = 0.0;

  double rope_theta = 10000.0;
  double local_rope_theta = 0.0;  // of windowed layers, without scaling; 0: all layers share one rotation
  double partial_rotary = 1.0;
  int64_t no_rope_interval = 0;  // every n-th layer is not rotated; 0: all are
  bool yarn_is_longrope = false;

  WindowRule window_rule = WindowRule::none;
  int64_t window = 0;  // 0: none unless config.json gives one
  int64_t window_pattern = 0;

  std::string_view num_experts_key = {};  // empty: a dense MLP
  int64_t num_experts = 0, experts_per_token = 0;
  std::string_view expert_size_key = "moe_intermediate_size";
  bool shared_expert = false;
  bool normalize_top_k = true;  // and not by the field norm_topk_prob
};

std::span<const Family* const> families();
/// Null when the architecture is not supported.
const Family* find_family(std::string_view architecture);

}  // namespace hqq
