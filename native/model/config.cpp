#include "model/config.h"

#include <cmath>
#include <string_view>

#include "model/family.h"

namespace hqq {
namespace {

// Far above any real model, low enough that products of two fit in 64 bits with room to spare.
constexpr int64_t kMaxVocab = int64_t{1} << 22;
constexpr int64_t kMaxHidden = int64_t{1} << 17;
constexpr int64_t kMaxIntermediate = int64_t{1} << 20;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 1024;
constexpr int64_t kMaxPosition = int64_t{1} << 26;

[[noreturn]] void bad(const std::string& what) { throw EngineError(ErrorCode::bad_file, "config.json: " + what); }
[[noreturn]] void unsupported(const std::string& what) {
  throw EngineError(ErrorCode::unsupported, "config.json: " + what);
}

int64_t size_field(const Json& json, std::string_view key, int64_t cap, int64_t fallback = 0) {
  const Json* field = json.find(key);
  if (!field && fallback > 0) return fallback;
  if (!field) bad("missing field " + std::string(key));
  if (!field->is_int() || field->as_int() < 1 || field->as_int() > cap)
    bad(std::string(key) + " must be an integer from 1 to " + std::to_string(cap) + ", found " + field->dump());
  return field->as_int();
}

double number_field(const Json& json, std::string_view key, double fallback) {
  const Json* field = json.find(key);
  if (!field) return fallback;
  if (!field->is_number() || !std::isfinite(field->as_number()))
    bad(std::string(key) + " must be a number, found " + field->dump());
  return field->as_number();
}

double positive_field(const Json& json, std::string_view key, double fallback) {
  const double value = number_field(json, key, fallback);
  if (!(value > 0)) bad(std::string(key) + " must be positive, found " + std::to_string(value));
  return value;
}

bool flag(const Json& json, std::string_view key, bool fallback) {
  const Json* field = json.find(key);
  if (!field) return fallback;
  if (!field->is_bool()) bad(std::string(key) + " must be true or false, found " + field->dump());
  return field->as_bool();
}

std::string text(const Json& json, std::string_view key) {
  const Json* field = json.find(key);
  if (!field) return {};
  if (!field->is_string()) bad(std::string(key) + " must be a string, found " + field->dump());
  return field->as_string();
}

/// Both layouts: `rope_theta` + `rope_scaling` {type|rope_type, ...} (transformers 4), `rope_parameters` (transformers
/// 5).
RopeConfig parse_rope(const Json& json, const ModelConfig& config) {
  const Json* parameters = json.find("rope_parameters");
  const Json* scaling = parameters ? parameters : json.find("rope_scaling");
  if (scaling && !scaling->is_object()) bad("rope_scaling must be an object");
  const Json none = Json(Json::Object{});
  const Json& fields = scaling ? *scaling : none;
  RopeConfig rope;
  rope.theta = positive_field(fields, "rope_theta", positive_field(json, "rope_theta", 10000.0));
  const double partial =
      number_field(fields, "partial_rotary_factor", number_field(json, "partial_rotary_factor", 1.0));
  if (!(partial > 0 && partial <= 1)) bad("partial_rotary_factor must be above 0 and at most 1");
  rope.rotary_dim = static_cast<int64_t>(static_cast<double>(config.head_dim) * partial);
  if (rope.rotary_dim < 2 || rope.rotary_dim % 2 != 0)
    bad("the rotary part of a head must be an even number of values");
  rope.original_max_position = config.max_position;

  std::string type = text(fields, "rope_type");
  if (type.empty()) type = text(fields, "type");
  if (type.empty() || type == "default") return rope;
  rope.factor = positive_field(fields, "factor", 1.0);
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (type == "dynamic") {
    rope.scaling = RopeScaling::dynamic;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::llama3;
    rope.low_freq_factor = positive_field(fields, "low_freq_factor", 1.0);
    rope.high_freq_factor = positive_field(fields, "high_freq_factor", 4.0);
    if (!(rope.high_freq_factor > rope.low_freq_factor)) bad("high_freq_factor must be above low_freq_factor");
    rope.original_max_position =
        size_field(fields, "original_max_position_embeddings", kMaxPosition, config.max_position);
  } else {
    unsupported("rope type \"" + type + "\" is not supported (default, linear, dynamic and llama3 are)");
  }
  return rope;
}

std::string parse_architecture(const Json& json) {
  const Json* list = json.find("architectures");
  if (!list || !list->is_array() || list->as_array().empty() || !list->as_array().front().is_string())
    bad("field architectures must name the model class, e.g. [\"LlamaForCausalLM\"]");
  return list->as_array().front().as_string();
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

}  // namespace

std::vector<std::string> supported_architectures() {
  std::vector<std::string> names;
  for (const Family& family : families()) names.emplace_back(family.architecture);
  return names;
}

ModelConfig parse_model_config(const Json& json) {
  if (!json.is_object()) bad("is not a JSON object");
  ModelConfig c;
  c.architecture = parse_architecture(json);
  if (!find_family(c.architecture)) {
    std::string known;
    for (const std::string& name : supported_architectures()) known += (known.empty() ? "" : ", ") + name;
    unsupported("architecture " + c.architecture + " is not supported (supported: " + known + ")");
  }
  c.model_type = text(json, "model_type");
  c.vocab_size = size_field(json, "vocab_size", kMaxVocab);
  c.hidden_size = size_field(json, "hidden_size", kMaxHidden);
  c.intermediate_size = size_field(json, "intermediate_size", kMaxIntermediate);
  c.num_layers = size_field(json, "num_hidden_layers", kMaxLayers);
  c.num_heads = size_field(json, "num_attention_heads", kMaxHeads);
  c.num_kv_heads = size_field(json, "num_key_value_heads", kMaxHeads, c.num_heads);
  c.max_position = size_field(json, "max_position_embeddings", kMaxPosition, 2048);
  if (c.num_heads % c.num_kv_heads != 0) bad("num_attention_heads must be a multiple of num_key_value_heads");
  if (!json.find("head_dim") && c.hidden_size % c.num_heads != 0)
    bad("hidden_size must be a multiple of num_attention_heads when head_dim is not given");
  c.head_dim = size_field(json, "head_dim", kMaxHeadDim, c.hidden_size / c.num_heads);
  if (c.head_dim > kMaxHeadDim) bad("head_dim above " + std::to_string(kMaxHeadDim));
  c.rms_norm_eps = positive_field(json, "rms_norm_eps", 1e-6);
  c.tie_word_embeddings = flag(json, "tie_word_embeddings", false);
  c.attention_bias = flag(json, "attention_bias", false);
  c.mlp_bias = flag(json, "mlp_bias", false);
  const std::string act = text(json, "hidden_act");
  if (!act.empty() && act != "silu" && act != "swish")
    unsupported("hidden_act \"" + act + "\" is not supported (silu is)");
  c.rope = parse_rope(json, c);
  c.eos_ids = parse_eos(json);
  return c;
}

ModelConfig read_model_config(const std::string& dir) {
  return parse_model_config(read_json_file(dir + "/config.json"));
}

}  // namespace hqq
