// timm's vision transformers: config.json names an architecture, the tensors have its sizes.
#pragma once

#include "model/vision_config.h"

namespace hqq {

/// What a tower's transformer is made from; everything else is the same in all of them.
struct TowerBlocks {
  int64_t hidden = 0, intermediate = 0, layers = 0, heads = 0;
  double norm_eps = 1e-5;
  Activation activation = Activation::gelu;
  bool causal = false;
};
/// Pre-norm blocks with biases everywhere, no rotation and no gate.
ModelConfig tower_config(const TowerBlocks& blocks);

/// Whether config.json names a `vit_*_clip_*` of timm.
bool is_timm_config(const Json& json);
/// Throws as parse_vision_config().
VisionConfig parse_timm_config(const Json& json, WeightSource& source);

}  // namespace hqq
