#include "model/config.h"

#include <cmath>
#include <string_view>

#include "model/config_fields.h"
#include "model/family.h"
#include "model/seeing_config.h"

namespace hqq {
namespace {

constexpr int64_t kMaxHeadDim = 1024;
constexpr int64_t kMaxExperts = 4096;
constexpr int64_t kMaxExpertsPerToken = 64;

/// Names that code which came with models used for the same fields (Phi before transformers had it).
constexpr std::pair<const char*, const char*> kOtherKeys[] = {{"hidden_size", "n_embd"},
                                                              {"num_hidden_layers", "n_layer"},
                                                              {"num_attention_heads", "n_head"},
                                                              {"num_key_value_heads", "n_head_kv"},
                                                              {"intermediate_size", "n_inner"},
                                                              {"max_position_embeddings", "n_positions"},
                                                              {"layer_norm_eps", "layer_norm_epsilon"},
                                                              {"hidden_act", "activation_function"}};

Json with_known_keys(const Json& json) {
  Json known = json;
  for (const auto& [key, other] : kOtherKeys) {
    const Json* value = json.find(other);
    if (value && !json.find(key)) known.set(key, *value);
  }
  const bool old_layout = json.find("n_embd") && !json.find("n_inner") && !json.find("intermediate_size");
  if (old_layout && json.at("n_embd").is_int()) known.set("intermediate_size", json.at("n_embd").as_int() * 4);
  return known;
}

std::string parse_architecture(const Json& json) {
  const Json* list = json.find("architectures");
  if (!list || !list->is_array() || list->as_array().empty() || !list->as_array().front().is_string())
    bad_config("field architectures must name the model class, e.g. [\"LlamaForCausalLM\"]");
  return list->as_array().front().as_string();
}

int32_t parse_bos(const Json& json, int64_t vocab_size) {
  const Json* field = json.find("bos_token_id");
  if (field == nullptr || !field->is_int() || field->as_int() < 0 || field->as_int() >= vocab_size) return -1;
  return static_cast<int32_t>(field->as_int());
}

std::vector<int32_t> parse_eos(const Json& json) {
  std::vector<int32_t> ids;
  const auto add = [&ids](const Json& id) {
    if (id.is_int() && id.as_int() >= 0 && id.as_int() < kMaxVocab) ids.push_back(static_cast<int32_t>(id.as_int()));
  };
  if (const Json* field = json.find("eos_token_id")) {
    if (field->is_array())
      for (const Json& id : field->as_array()) add(id);
    else add(*field);
  }
  return ids;
}

bool bias_of(const Json& json, Bias bias) {
  switch (bias) {
    case Bias::no: return false;
    case Bias::yes: return true;
    case Bias::by_attention_bias: return flag_field(json, "attention_bias", false);
    case Bias::by_mlp_bias: return flag_field(json, "mlp_bias", false);
    case Bias::by_qkv_bias: return flag_field(json, "qkv_bias", true);
  }
  return false;
}

Activation parse_activation(const Json& json, const Family& family) {
  std::string name = text_field(json, family.activation_key);
  if (name.empty()) name = family.activation;
  return activation_named(name, family.activation_key);
}

void parse_sizes(const Json& json, const Family& family, ModelConfig& c) {
  c.vocab_size = size_field(json, "vocab_size", kMaxVocab);
  c.hidden_size = size_field(json, "hidden_size", kMaxHidden);
  c.intermediate_size = size_field(json, "intermediate_size", kMaxIntermediate);
  c.num_layers = size_field(json, "num_hidden_layers", kMaxLayers);
  c.num_heads = size_field(json, "num_attention_heads", kMaxHeads);
  c.num_kv_heads = size_field(json, "num_key_value_heads", kMaxHeads, c.num_heads);
  c.max_position = size_field(json, "max_position_embeddings", kMaxPosition, family.max_position);
  if (c.num_heads % c.num_kv_heads != 0)
    bad_config("num_attention_heads must be a multiple of num_key_value_heads");
  int64_t head_dim = family.head_dim;
  if (head_dim == 0) {
    if (!json.find("head_dim") && c.hidden_size % c.num_heads != 0)
      bad_config("hidden_size must be a multiple of num_attention_heads when head_dim is not given");
    head_dim = c.hidden_size / c.num_heads;
  }
  c.head_dim = size_field(json, "head_dim", kMaxHeadDim, head_dim);
  if (c.head_dim > kMaxHeadDim) bad_config("head_dim above " + std::to_string(kMaxHeadDim));
}

/// `no_rope_layers` holds 1 for layers that are rotated.
bool is_rotated(const Json& json, const Family& family, int64_t layer, int64_t num_layers) {
  if (family.no_rope_interval == 0) return true;
  if (const Json* list = json.find("no_rope_layers")) {
    if (!list->is_array() || static_cast<int64_t>(list->as_array().size()) != num_layers)
      bad_config("no_rope_layers must have an entry per layer");
    const Json& entry = list->as_array()[static_cast<size_t>(layer)];
    if (!entry.is_int()) bad_config("no_rope_layers must hold 0 and 1");
    return entry.as_int() != 0;
  }
  return (layer + 1) % size_field(json, "no_rope_layer_interval", kMaxLayers, family.no_rope_interval) != 0;
}

/// Whether layer `i` has the window, by `layer_types` or by the family's rule.
bool is_windowed(const Json& json, const Family& family, int64_t i, const ModelConfig& c, bool rotated) {
  if (family.window_rule == WindowRule::none) return false;
  if (family.window_rule == WindowRule::all) return true;
  if (const Json* types = json.find("layer_types")) {
    if (!types->is_array() || static_cast<int64_t>(types->as_array().size()) != c.num_layers)
      bad_config("layer_types must have an entry per layer");
    const Json& type = types->as_array()[static_cast<size_t>(i)];
    if (type.is_string() && type.as_string() == "sliding_attention") return true;
    if (type.is_string() && type.as_string() == "full_attention") return false;
    unsupported_config("layer type " + type.dump() + " is not supported (full_attention and sliding_attention are)");
  }
  switch (family.window_rule) {
    case WindowRule::from_layer: return i >= count_field(json, "max_window_layers", kMaxLayers, 28);
    case WindowRule::pattern: {
      const int64_t other = size_field(json, "_sliding_window_pattern", kMaxLayers, family.window_pattern);
      return (i + 1) % size_field(json, "sliding_window_pattern", kMaxLayers, other) != 0;
    }
    default: return !rotated;
  }
}

/// Tokens of a window where one applies; 0 when the model has none.
int64_t window_of(const Json& json, const Family& family) {
  if (family.window_rule == WindowRule::none) return 0;
  const bool optional = family.window_rule == WindowRule::from_layer || family.window_rule == WindowRule::unrotated;
  if (optional && !flag_field(json, "use_sliding_window", false)) return 0;
  if (is_null_field(json, "sliding_window")) return 0;
  return json.find("sliding_window") ? size_field(json, "sliding_window", kMaxPosition) : family.window;
}

/// Blocks with experts: all, or every `decoder_sparse_step`-th but those in `mlp_only_layers`.
bool has_experts(const Json& json, const ModelConfig& c, int64_t layer) {
  if (c.moe.num_experts == 0) return false;
  if (const Json* dense = json.find("mlp_only_layers")) {
    if (!dense->is_array()) bad_config("mlp_only_layers must be a list");
    for (const Json& entry : dense->as_array())
      if (entry.is_int() && entry.as_int() == layer) return false;
  }
  return (layer + 1) % size_field(json, "decoder_sparse_step", kMaxLayers, 1) == 0;
}

MoeConfig parse_moe(const Json& json, const Family& family) {
  MoeConfig moe;
  if (family.num_experts_key.empty()) return moe;
  moe.num_experts = size_field(json, family.num_experts_key, kMaxExperts, family.num_experts);
  moe.experts_per_token = size_field(json, "num_experts_per_tok", kMaxExpertsPerToken, family.experts_per_token);
  if (moe.experts_per_token > moe.num_experts) bad_config("num_experts_per_tok is above the number of experts");
  moe.intermediate_size = size_field(json, family.expert_size_key, kMaxIntermediate);
  if (family.shared_expert)
    moe.shared_intermediate_size = size_field(json, "shared_expert_intermediate_size", kMaxIntermediate);
  moe.normalize_weights = family.normalize_top_k || flag_field(json, "norm_topk_prob", false);
  return moe;
}

}  // namespace

std::vector<std::string> supported_architectures() {
  std::vector<std::string> names;
  for (const Family* family : families()) names.emplace_back(family->architecture);
  return names;
}

ModelConfig parse_model_config(const Json& source) {
  if (!source.is_object()) bad_config("is not a JSON object");
  if (shows_pictures(source)) return parse_seeing_config(source);
  const std::string architecture = parse_architecture(source);
  const Family* found = find_family(architecture);
  if (!found) {
    std::string known;
    for (const std::string& name : supported_architectures()) known += (known.empty() ? "" : ", ") + name;
    unsupported_config("architecture " + architecture + " is not supported (supported: " + known + ")");
  }
  const Family& family = *found;
  const Json json = with_known_keys(source);
  ModelConfig c;
  c.architecture = architecture;
  c.model_type = text_field(json, "model_type");
  parse_sizes(json, family, c);

  c.norm = family.norm;
  c.norm_eps = positive_field(json, family.norm_eps_key, family.norm_eps);
  c.norm_offset = family.norm_offset;
  c.parallel = family.parallel;
  c.activation = parse_activation(json, family);
  c.gated_mlp = family.gated_mlp;
  if (family.qk_norm_key.empty() || flag_field(json, family.qk_norm_key, false)) c.qk_norm = family.qk_norm;
  c.qkv_bias = bias_of(json, family.qkv_bias);
  c.o_bias = bias_of(json, family.o_bias);
  c.mlp_bias = bias_of(json, family.mlp_bias);
  c.head_bias = bias_of(json, family.head_bias);
  c.tie_word_embeddings = flag_field(json, "tie_word_embeddings", family.tied);

  if (family.scaled_embedding) c.embedding_scale = std::sqrt(static_cast<double>(c.hidden_size));
  c.scales_pictures = family.scales_pictures;
  const double head = static_cast<double>(c.head_dim), scalar = static_cast<double>(family.query_scalar);
  c.attention_scale =
      1.0 / std::sqrt(scalar > 0 ? positive_field(json, "query_pre_attn_scalar", scalar) : head);
  if (family.norm_offset) {
    c.attention_softcap = cap_field(json, "attn_logit_softcapping", family.attention_softcap);
    c.logit_softcap = cap_field(json, "final_logit_softcapping", family.logit_softcap);
  }

  c.rope = parse_rope(json, family, c.head_dim, c.max_position);
  if (family.local_rope_theta > 0) c.local_rope = parse_local_rope(json, family, c.head_dim, c.max_position);
  c.moe = parse_moe(json, family);
  const int64_t window = window_of(json, family);
  for (int64_t i = 0; i < c.num_layers; ++i) {
    LayerConfig layer;
    const bool rotated = is_rotated(json, family, i, c.num_layers);
    const bool windowed = is_windowed(json, family, i, c, rotated);
    layer.window = windowed ? window : 0;
    if (!rotated) layer.rope = RopeUse::none;
    else if (windowed && family.local_rope_theta > 0) layer.rope = RopeUse::local;
    layer.experts = has_experts(json, c, i);
    c.layers.push_back(layer);
  }
  c.eos_ids = parse_eos(json);
  c.bos_id = parse_bos(json, c.vocab_size);
  return c;
}

ModelConfig read_model_config(const std::string& dir) {
  return parse_model_config(read_json_file(dir + "/config.json"));
}

}  // namespace hqq
