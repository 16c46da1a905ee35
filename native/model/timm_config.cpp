#include "model/timm_config.h"

#include <cmath>

#include "model/config_fields.h"
#include "model/families/vision.h"

namespace hqq {
namespace {

constexpr int64_t kMaxPatch = 256;

/// Heads by the size in the name, where they are not of 64 values each (timm/models/vision_transformer.py).
struct NamedHeads {
  std::string_view size;
  int64_t heads;
};
constexpr NamedHeads kHeads[] = {{"huge", 16}, {"giant", 16}, {"gigantic", 16}};

Shape shape_of(WeightSource& source, const std::string& name, size_t rank) {
  require(source.contains(name), ErrorCode::bad_file, "the model has no tensor " + name);
  Shape shape = source.tensor(name).view.shape;
  require(shape.size() == rank, ErrorCode::bad_file,
          "tensor " + name + " has shape " + to_string(shape) + ", which no vision transformer has");
  return shape;
}

/// "vit_base_patch32_clip_224" -> "base"
std::string_view size_name(std::string_view architecture) {
  architecture.remove_prefix(4);
  return architecture.substr(0, architecture.find('_'));
}

int64_t heads_of(const Json& json, std::string_view architecture, int64_t hidden) {
  for (const char* key : {"ctor", "model_args"})
    if (const Json* args = json.find(key); args && args->is_object() && args->find("num_heads"))
      return size_field(*args, "num_heads", kMaxHeads);
  for (const NamedHeads& named : kHeads)
    if (named.size == size_name(architecture)) return named.heads;
  return std::max<int64_t>(hidden / 64, 1);
}

/// "vit_tiny_clip (timm ...)" names the architecture before the blank.
std::string timm_architecture(const Json& json) {
  const Json* field = json.find("architecture");
  if (!field || !field->is_string()) return "";
  const std::string& name = field->as_string();
  return name.substr(0, name.find(' '));
}

}  // namespace

bool is_timm_config(const Json& json) {
  const std::string name = timm_architecture(json);
  return name.starts_with("vit_") && name.find("_clip") != std::string::npos;
}

VisionConfig parse_timm_config(const Json& json, WeightSource& source) {
  const std::string name = timm_architecture(json);
  const TowerNames& names = kTimmImageNames;
  const Shape patch = shape_of(source, std::string(names.patch) + ".weight", 4);
  const Shape position = shape_of(source, std::string(names.position), 3);
  const std::string prefix(names.blocks.block_prefix);
  TowerBlocks blocks;
  blocks.hidden = patch[0];
  while (blocks.layers < kMaxLayers && source.contains(prefix + std::to_string(blocks.layers) + ".norm1.weight"))
    ++blocks.layers;
  if (blocks.layers == 0) bad_config("the model has no tensor " + prefix + "0.norm1.weight");
  blocks.intermediate = shape_of(source, prefix + "0.mlp.fc1.bias", 1)[0];
  blocks.heads = heads_of(json, name, blocks.hidden);
  const std::string act = text_field(json, "act");
  const bool quick = name.find("quickgelu") != std::string::npos || act.starts_with("quick_gelu");
  blocks.activation = quick ? Activation::quick_gelu : Activation::gelu;
  blocks.norm_eps = positive_field(json, "norm_eps", 1e-5);

  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(position[1] - 1))));
  require(patch[2] == patch[3] && patch[2] <= kMaxPatch && patch[1] <= 16 && side >= 1 &&
              side * side == position[1] - 1 && position[2] == blocks.hidden && blocks.hidden <= kMaxHidden,
          ErrorCode::unsupported,
          "the patches or positions of " + name + " are not those of a square vision transformer with a class token");
  VisionConfig config;
  config.image.blocks = tower_config(blocks);
  config.image.names = names;
  config.image.patch_size = patch[2];
  config.image.channels = patch[1];
  config.image.image_size = side * patch[2];
  config.image.stretching = Stretching::antialiased;
  const std::string head(names.blocks.head);
  if (source.contains(head + ".bias")) {
    config.image.projection = shape_of(source, head + ".bias", 1)[0];
    config.image.projection_bias = true;
  } else if (source.contains(head + ".weight")) {
    config.image.projection = shape_of(source, head + ".weight", 2)[0];
  } else if (source.is_quantized(head)) {
    config.image.projection = source.quantized(head).shape.at(0);
  }
  return config;
}

}  // namespace hqq
