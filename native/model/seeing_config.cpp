#include "model/seeing_config.h"

#include <algorithm>
#include <cctype>

#include "model/config_fields.h"

namespace hqq {
namespace {

/// What a text_config without the field means: the defaults of its class in transformers. Files of the first LLaVA
/// models name little more than the class.
struct Default {
  const char* model_type;
  const char* key;
  int64_t value;
};
constexpr Default kDefaults[] = {
    {"llama", "vocab_size", 32000},          {"llama", "hidden_size", 4096},
    {"llama", "intermediate_size", 11008},   {"llama", "num_hidden_layers", 32},
    {"llama", "num_attention_heads", 32},    {"mistral", "vocab_size", 32000},
    {"mistral", "hidden_size", 4096},        {"mistral", "intermediate_size", 14336},
    {"mistral", "num_hidden_layers", 32},    {"mistral", "num_attention_heads", 32},
    {"mistral", "num_key_value_heads", 8},
};

/// "qwen2_moe" and "Qwen2MoeForCausalLM" alike are "qwen2moe".
std::string plain_name(std::string_view name) {
  for (const std::string_view end : {"ForCausalLM", "_text"})
    if (name.ends_with(end)) name.remove_suffix(end.size());
  std::string plain;
  for (const char c : name)
    if (c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

/// The class named in the file, or the one that belongs to its model_type.
std::string text_architecture(const Json& text) {
  if (const Json* list = text.find("architectures"); list && list->is_array() && !list->as_array().empty())
    return list->as_array().front().is_string() ? list->as_array().front().as_string() : "";
  const std::string type = text_field(text, "model_type");
  const auto found = std::find_if(families().begin(), families().end(), [&](const Family* family) {
    return plain_name(family->architecture) == plain_name(type.empty() ? "llama" : type);
  });
  return found == families().end() ? type : std::string((*found)->architecture);
}

}  // namespace

bool shows_pictures(const Json& json) {
  const Json* list = json.find("architectures");
  return list && list->is_array() && !list->as_array().empty() && list->as_array().front().is_string() &&
         list->as_array().front().as_string() == "LlavaForConditionalGeneration";
}

ModelConfig parse_seeing_config(const Json& json) {
  const Json* stored = json.find("text_config");
  if (!stored || !stored->is_object()) bad_config("field text_config must describe the language model");
  Json text = *stored;
  std::string type = text_field(text, "model_type");
  if (type.empty()) type = "llama";
  for (const Default& field : kDefaults)
    if (field.model_type == type && !text.find(field.key)) text.set(field.key, field.value);
  text.set("architectures", Json(Json::Array{Json(text_architecture(text))}));
  ModelConfig config = parse_model_config(text);
  config.sees = true;
  const char* key = json.find("image_token_index") ? "image_token_index" : "image_token_id";
  config.picture_id = static_cast<int32_t>(size_field(json, key, kMaxVocab));
  return config;
}

}  // namespace hqq
