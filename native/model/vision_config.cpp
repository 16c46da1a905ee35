#include "model/vision_config.h"

#include <cmath>

#include "model/config_fields.h"
#include "model/families/vision.h"
#include "model/seeing_config.h"
#include "model/timm_config.h"

namespace hqq {
namespace {

constexpr int64_t kMaxImageSize = 4096;

std::string architecture_of(const Json& json) {
  const Json* list = json.find("architectures");
  if (!list || !list->is_array() || list->as_array().empty() || !list->as_array().front().is_string()) return "";
  return list->as_array().front().as_string();
}

const Json& object_field(const Json& json, std::string_view key) {
  const Json* field = json.find(key);
  if (!field || !field->is_object()) bad_config("field " + std::string(key) + " must be an object");
  return *field;
}

Activation activation_of(const Json& json, const char* key, const char* fallback) {
  const std::string name = text_field(json, key);
  return activation_named(name.empty() ? fallback : name, key);
}

/// The sizes of a transformer that transformers describes, with the defaults of CLIP's classes.
TowerBlocks blocks_of(const Json& json, int64_t hidden, int64_t intermediate, int64_t heads) {
  TowerBlocks blocks;
  blocks.hidden = size_field(json, "hidden_size", kMaxHidden, hidden);
  blocks.intermediate = size_field(json, "intermediate_size", kMaxIntermediate, intermediate);
  blocks.layers = size_field(json, "num_hidden_layers", kMaxLayers, 12);
  blocks.heads = size_field(json, "num_attention_heads", kMaxHeads, heads);
  blocks.norm_eps = positive_field(json, "layer_norm_eps", 1e-5);
  blocks.activation = activation_of(json, "hidden_act", "quick_gelu");
  return blocks;
}

ImageTowerConfig image_tower(const Json& json, std::string prefix) {
  const std::string type = text_field(json, "model_type");
  if (!type.empty() && type != "clip_vision_model" && type != "clip")
    unsupported_config("a vision tower of type " + type + " is not supported (clip_vision_model is)");
  ImageTowerConfig tower;
  tower.blocks = tower_config(blocks_of(json, 768, 3072, 12));
  tower.names = kClipImageNames;
  tower.prefix = std::move(prefix);
  tower.image_size = size_field(json, "image_size", kMaxImageSize, 224);
  tower.patch_size = size_field(json, "patch_size", kMaxImageSize, 32);
  tower.channels = size_field(json, "num_channels", 16, 3);
  if (tower.patch_size > tower.image_size) bad_config("patch_size is above image_size");
  return tower;
}

TextTowerConfig text_tower(const Json& json) {
  TextTowerConfig tower;
  TowerBlocks blocks = blocks_of(json, 512, 2048, 8);
  blocks.causal = true;
  tower.blocks = tower_config(blocks);
  tower.blocks.vocab_size = size_field(json, "vocab_size", kMaxVocab, 49408);
  tower.blocks.max_position = size_field(json, "max_position_embeddings", kMaxPosition, 77);
  tower.names = kClipTextNames;
  tower.eos_id = static_cast<int32_t>(count_field(json, "eos_token_id", kMaxVocab, 49407));
  return tower;
}

/// hidden_states[layer] as transformers counts them: 0 before the first block, -1 after the last.
int64_t blocks_before(const Json& layer, int64_t layers) {
  if (!layer.is_int()) bad_config("vision_feature_layer must be an integer or a list of them");
  const int64_t index = layer.as_int() < 0 ? layers + 1 + layer.as_int() : layer.as_int();
  if (index < 0 || index > layers) bad_config("vision_feature_layer is outside the vision tower");
  return index;
}

ProjectorConfig projector(const Json& json, const ImageTowerConfig& image, std::string prefix) {
  ProjectorConfig p;
  p.prefix = std::move(prefix);
  p.activation = activation_of(json, "projector_hidden_act", "gelu");
  p.bias = flag_field(json, "multimodal_projector_bias", true);
  const Json* layers = json.find("vision_feature_layer");
  const Json last_but_one(int64_t{-2});
  if (layers && layers->is_array())
    for (const Json& layer : layers->as_array()) p.after_blocks.push_back(blocks_before(layer, image.blocks.num_layers));
  else p.after_blocks.push_back(blocks_before(layers ? *layers : last_but_one, image.blocks.num_layers));
  if (p.after_blocks.empty()) bad_config("vision_feature_layer names no layer");
  const std::string strategy = text_field(json, "vision_feature_select_strategy");
  if (!strategy.empty() && strategy != "default" && strategy != "full")
    unsupported_config("vision_feature_select_strategy \"" + strategy + "\" is not supported (default and full are)");
  p.class_token = strategy == "full";
  p.in = image.blocks.hidden_size * static_cast<int64_t>(p.after_blocks.size());
  p.out = parse_seeing_config(json).hidden_size;
  return p;
}

VisionConfig llava_config(const Json& json, const WeightSource& source) {
  VisionConfig config;
  config.kind = VisionKind::llava;
  const bool newer = source.contains("model.vision_tower." + std::string(kClipImageNames.position));
  const std::string prefix = newer ? "model." : "";
  config.image = image_tower(object_field(json, "vision_config"), prefix + "vision_tower.");
  config.projector = projector(json, config.image, prefix + "multi_modal_projector.");
  return config;
}

}  // namespace

ModelConfig tower_config(const TowerBlocks& blocks) {
  ModelConfig c;
  c.hidden_size = blocks.hidden;
  c.intermediate_size = blocks.intermediate;
  c.num_layers = blocks.layers;
  c.num_heads = c.num_kv_heads = blocks.heads;
  if (blocks.hidden % blocks.heads != 0) bad_config("the width of a tower must be a multiple of its heads");
  c.head_dim = blocks.hidden / blocks.heads;
  c.norm = NormKind::layer;
  c.norm_eps = blocks.norm_eps;
  c.activation = blocks.activation;
  c.gated_mlp = false;
  c.qkv_bias = c.o_bias = c.mlp_bias = true;
  c.causal = blocks.causal;
  c.attention_scale = 1.0 / std::sqrt(static_cast<double>(c.head_dim));
  c.layers.assign(static_cast<size_t>(blocks.layers), LayerConfig{.rope = RopeUse::none});
  return c;
}

std::vector<std::string> vision_architectures() {
  return {"CLIPModel", "CLIPVisionModelWithProjection", "CLIPVisionModel", "LlavaForConditionalGeneration"};
}

bool is_vision_config(const Json& json) {
  if (!json.is_object()) return false;
  if (is_timm_config(json)) return true;
  const std::string architecture = architecture_of(json);
  for (const std::string& known : vision_architectures())
    if (architecture == known) return true;
  return false;
}

VisionConfig parse_vision_config(const Json& json, WeightSource& source) {
  if (is_timm_config(json)) return parse_timm_config(json, source);
  if (shows_pictures(json)) return llava_config(json, source);
  const std::string architecture = architecture_of(json);
  VisionConfig config;
  if (architecture == "CLIPModel") {
    config.kind = VisionKind::clip;
    config.image = image_tower(object_field(json, "vision_config"), "");
    config.text = text_tower(object_field(json, "text_config"));
    config.image.projection = config.text->projection = size_field(json, "projection_dim", kMaxHidden, 512);
    return config;
  }
  config.image = image_tower(json, "");
  if (architecture == "CLIPVisionModelWithProjection")
    config.image.projection = size_field(json, "projection_dim", kMaxHidden, 512);
  return config;
}

}  // namespace hqq
