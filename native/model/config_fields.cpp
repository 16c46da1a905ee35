#include "model/config_fields.h"

#include <cmath>

namespace hqq {
namespace {

/// The rotary settings of config.json: an empty object where there are none. `layer_type` picks from newer files that
/// hold one object per type of layer.
const Json& rope_fields(const Json& json, std::string_view layer_type) {
  static const Json none = Json(Json::Object{});
  const Json* parameters = json.find("rope_parameters");
  const Json* fields = parameters ? parameters : json.find("rope_scaling");
  if (!fields) return none;
  if (!fields->is_object()) bad_config("rope_scaling must be an object");
  if (const Json* typed = fields->find(layer_type)) {
    if (!typed->is_object()) bad_config("rope_parameters must hold objects");
    return *typed;
  }
  return *fields;
}

std::vector<double> factors(const Json& json, std::string_view key, int64_t count) {
  const Json* list = json.find(key);
  if (!list || !list->is_array() || static_cast<int64_t>(list->as_array().size()) != count)
    bad_config(std::string(key) + " must list " + std::to_string(count) + " numbers");
  std::vector<double> values;
  for (const Json& entry : list->as_array()) {
    if (!entry.is_number() || !(entry.as_number() > 0)) bad_config(std::string(key) + " must hold positive numbers");
    values.push_back(entry.as_number());
  }
  return values;
}

/// 0.1 m ln(s) + 1, Peng et al. 2023 (YaRN).
double yarn_scale(double factor, double m) { return factor <= 1.0 ? 1.0 : 0.1 * m * std::log(factor) + 1.0; }

void parse_yarn(const Json& fields, RopeConfig& rope) {
  rope.beta_fast = positive_field(fields, "beta_fast", 32.0);
  rope.beta_slow = positive_field(fields, "beta_slow", 1.0);
  rope.truncate = flag_field(fields, "truncate", true);
  const double m = number_field(fields, "mscale", 0.0), m_all = number_field(fields, "mscale_all_dim", 0.0);
  const double derived = m != 0.0 && m_all != 0.0 ? yarn_scale(rope.factor, m) / yarn_scale(rope.factor, m_all)
                                                  : yarn_scale(rope.factor, 1.0);
  rope.attention_factor = number_field(fields, "attention_factor", derived);
}

/// Ding et al. 2024 (LongRoPE), with the attention factor that Phi 3 came with.
void parse_longrope(const Json& fields, int64_t max_position, bool knows_trained, RopeConfig& rope) {
  const int64_t pairs = rope.rotary_dim / 2;
  rope.short_factor = factors(fields, "short_factor", pairs);
  rope.long_factor = factors(fields, "long_factor", pairs);
  const auto trained = static_cast<double>(rope.original_max_position);
  const double factor = knows_trained ? static_cast<double>(max_position) / trained : rope.factor;
  const double derived = factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(trained));
  rope.attention_factor = number_field(fields, "attention_factor", derived);
}

int64_t rotary_dim(const Json& json, const Json& fields, const Family& family, int64_t head_dim) {
  const double partial = number_field(fields, "partial_rotary_factor",
                                      number_field(json, "partial_rotary_factor", family.partial_rotary));
  if (!(partial > 0 && partial <= 1)) bad_config("partial_rotary_factor must be above 0 and at most 1");
  const auto dim = size_field(json, "rotary_dim", head_dim,
                              static_cast<int64_t>(static_cast<double>(head_dim) * partial));
  if (dim < 2 || dim % 2 != 0) bad_config("the rotary part of a head must be an even number of values");
  return dim;
}

}  // namespace

void bad_config(const std::string& what) { throw EngineError(ErrorCode::bad_file, "config.json: " + what); }
void unsupported_config(const std::string& what) {
  throw EngineError(ErrorCode::unsupported, "config.json: " + what);
}

Activation activation_named(const std::string& name, std::string_view key) {
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu" || name == "gelu_python") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh" || name == "gelu_python_tanh" ||
      name == "gelu_accurate")
    return Activation::gelu_tanh;
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "relu") return Activation::relu;
  unsupported_config(std::string(key) + " \"" + name +
                     "\" is not supported (silu, gelu and its variants, quick_gelu and relu are)");
}

int64_t count_field(const Json& json, std::string_view key, int64_t cap, int64_t fallback) {
  const Json* field = json.find(key);
  if (!field) return fallback;
  if (!field->is_int() || field->as_int() < 0 || field->as_int() > cap)
    bad_config(std::string(key) + " must be an integer from 0 to " + std::to_string(cap) + ", found " + field->dump());
  return field->as_int();
}

int64_t size_field(const Json& json, std::string_view key, int64_t cap, int64_t fallback) {
  const Json* field = json.find(key);
  if (!field && fallback > 0) return fallback;
  if (!field) bad_config("missing field " + std::string(key));
  if (!field->is_int() || field->as_int() < 1 || field->as_int() > cap)
    bad_config(std::string(key) + " must be an integer from 1 to " + std::to_string(cap) + ", found " + field->dump());
  return field->as_int();
}

double number_field(const Json& json, std::string_view key, double fallback) {
  const Json* field = json.find(key);
  if (!field) return fallback;
  if (!field->is_number() || !std::isfinite(field->as_number()))
    bad_config(std::string(key) + " must be a number, found " + field->dump());
  return field->as_number();
}

double positive_field(const Json& json, std::string_view key, double fallback) {
  const double value = number_field(json, key, fallback);
  if (!(value > 0)) bad_config(std::string(key) + " must be positive, found " + std::to_string(value));
  return value;
}

bool is_null_field(const Json& json, std::string_view key) {
  for (const auto& [name, value] : json.as_object())
    if (name == key) return value.is_null();
  return false;
}

double cap_field(const Json& json, std::string_view key, double fallback) {
  if (is_null_field(json, key)) return 0.0;
  return json.find(key) ? positive_field(json, key, fallback) : fallback;
}

bool flag_field(const Json& json, std::string_view key, bool fallback) {
  const Json* field = json.find(key);
  if (!field) return fallback;
  if (!field->is_bool()) bad_config(std::string(key) + " must be true or false, found " + field->dump());
  return field->as_bool();
}

std::string text_field(const Json& json, std::string_view key) {
  const Json* field = json.find(key);
  if (!field) return {};
  if (!field->is_string()) bad_config(std::string(key) + " must be a string, found " + field->dump());
  return field->as_string();
}

RopeConfig parse_rope(const Json& json, const Family& family, int64_t head_dim, int64_t max_position) {
  const Json& fields = rope_fields(json, "full_attention");
  RopeConfig rope;
  rope.theta = positive_field(fields, "rope_theta", positive_field(json, "rope_theta", family.rope_theta));
  rope.rotary_dim = rotary_dim(json, fields, family, head_dim);
  rope.original_max_position = max_position;

  std::string type = text_field(fields, "rope_type");
  if (type.empty()) type = text_field(fields, "type");
  if (type.empty() || type == "default") return rope;
  if (family.yarn_is_longrope && (type == "su" || type == "yarn")) type = "longrope";
  rope.factor = positive_field(fields, "factor", 1.0);
  constexpr std::string_view kTrained = "original_max_position_embeddings";
  const bool knows_trained = fields.find(kTrained) || json.find(kTrained);
  const int64_t trained = size_field(fields, kTrained, kMaxPosition,
                                     size_field(json, kTrained, kMaxPosition, max_position));
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (type == "dynamic") {
    rope.scaling = RopeScaling::dynamic;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::llama3;
    rope.low_freq_factor = positive_field(fields, "low_freq_factor", 1.0);
    rope.high_freq_factor = positive_field(fields, "high_freq_factor", 4.0);
    if (!(rope.high_freq_factor > rope.low_freq_factor)) bad_config("high_freq_factor must be above low_freq_factor");
    rope.original_max_position = trained;
  } else if (type == "yarn") {
    rope.scaling = RopeScaling::yarn;
    rope.original_max_position = trained;
    parse_yarn(fields, rope);
  } else if (type == "longrope") {
    rope.scaling = RopeScaling::longrope;
    rope.original_max_position = trained;
    parse_longrope(fields, max_position, knows_trained, rope);
  } else {
    unsupported_config("rope type \"" + type +
                       "\" is not supported (default, linear, dynamic, llama3, yarn and longrope are)");
  }
  return rope;
}

RopeConfig parse_local_rope(const Json& json, const Family& family, int64_t head_dim, int64_t max_position) {
  const Json& fields = rope_fields(json, "sliding_attention");
  const bool typed = json.find("rope_parameters") && json.at("rope_parameters").find("sliding_attention");
  RopeConfig rope;
  const double theta = positive_field(json, "rope_local_base_freq", family.local_rope_theta);
  rope.theta = typed ? positive_field(fields, "rope_theta", theta) : theta;
  rope.rotary_dim = rotary_dim(json, fields, family, head_dim);
  rope.original_max_position = max_position;
  return rope;
}

}  // namespace hqq
