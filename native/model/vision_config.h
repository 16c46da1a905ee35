// Models that see, from their config.json: the tower that reads pictures, the one that reads texts, the projector that
// turns what was seen into rows of a language model. One declarative description of each layout of names, in
// model/families/vision.cpp; sizes come from the config, or, where timm wrote it, from the tensors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/layout.h"

namespace hqq {

enum class VisionKind : uint8_t {
  clip,   // pictures and texts in one space
  tower,  // pictures alone
  llava,  // pictures for a language model
};

/// Names of one tower's tensors. Its blocks, final norm and projection (`head`) are those of `blocks`.
struct TowerNames {
  TensorNames blocks = {};
  std::string_view patch = {};        // [hidden, channels, patch, patch]
  std::string_view class_token = {};  // a tensor [hidden]; stands before the patches
  std::string_view position = {};     // a tensor [tokens, hidden]
  std::string_view pre_norm = {};     // before the first block
};

/// How position embeddings are stretched over a grid of another size; both cubic.
enum class Stretching : uint8_t {
  plain,        // a = -0.75, over four samples whatever the step (transformers)
  antialiased,  // a = -0.5, the filter widens with the step (timm)
};

struct ImageTowerConfig {
  ModelConfig blocks;
  TowerNames names;
  std::string prefix;  // of all its names
  int64_t image_size = 0, patch_size = 0, channels = 3;
  int64_t projection = 0;  // size of its embeddings; 0: it projects nothing
  bool projection_bias = false;
  Stretching stretching = Stretching::plain;

  int64_t grid() const { return image_size / patch_size; }
};

struct TextTowerConfig {
  ModelConfig blocks;  // vocab_size and max_position included
  TowerNames names;
  int64_t projection = 0;
  /// The token whose state is the text's: the first of this id, or, where it is 2 as in the first CLIP files, the
  /// highest id of all.
  int32_t eos_id = 0;
};

/// linear_2(activation(linear_1(features)))
struct ProjectorConfig {
  std::string prefix;
  Activation activation = Activation::gelu;
  bool bias = true;
  int64_t in = 0, out = 0;
  /// Blocks that run before features are read, side by side where there are several.
  std::vector<int64_t> after_blocks;
  bool class_token = false;  // keep its row ("full")
};

struct VisionConfig {
  VisionKind kind = VisionKind::tower;
  ImageTowerConfig image;
  std::optional<TextTowerConfig> text;
  std::optional<ProjectorConfig> projector;
};

/// Whether a config.json is that of a model that sees.
bool is_vision_config(const Json& json);

/// `source` tells which layout of names the files have, and the sizes of a timm model. Throws EngineError{unsupported}
/// naming what is not supported, {bad_file} for missing or absurd values.
VisionConfig parse_vision_config(const Json& json, WeightSource& source);

/// Architectures of such models, as they stand in config.json.
std::vector<std::string> vision_architectures();

}  // namespace hqq
