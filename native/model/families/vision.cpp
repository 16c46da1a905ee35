// CLIP as transformers saves it (separate q, k and v) and as timm does (one fused matrix).
#include "model/families/vision.h"

namespace hqq {
namespace {

constexpr TensorNames clip_blocks(TensorNames names) {
  names.input_norm = "layer_norm1";
  names.mlp_norm = "layer_norm2";
  names.q = "self_attn.q_proj";
  names.k = "self_attn.k_proj";
  names.v = "self_attn.v_proj";
  names.o = "self_attn.out_proj";
  names.up = "mlp.fc1";
  names.down = "mlp.fc2";
  return names;
}

}  // namespace

const TowerNames kClipImageNames = {.blocks = clip_blocks({.final_norm = "vision_model.post_layernorm",
                                                           .head = "visual_projection",
                                                           .block_prefix = "vision_model.encoder.layers."}),
                                    .patch = "vision_model.embeddings.patch_embedding",
                                    .class_token = "vision_model.embeddings.class_embedding",
                                    .position = "vision_model.embeddings.position_embedding.weight",
                                    .pre_norm = "vision_model.pre_layrnorm"};

const TowerNames kClipTextNames = {.blocks = clip_blocks({.embedding = "text_model.embeddings.token_embedding",
                                                          .final_norm = "text_model.final_layer_norm",
                                                          .head = "text_projection",
                                                          .block_prefix = "text_model.encoder.layers."}),
                                   .position = "text_model.embeddings.position_embedding.weight"};

const TowerNames kTimmImageNames = {.blocks = {.final_norm = "norm",
                                               .head = "head",
                                               .block_prefix = "blocks.",
                                               .input_norm = "norm1",
                                               .mlp_norm = "norm2",
                                               .qkv = "attn.qkv",
                                               .o = "attn.proj",
                                               .up = "mlp.fc1",
                                               .down = "mlp.fc2"},
                                    .patch = "patch_embed.proj",
                                    .class_token = "cls_token",
                                    .position = "pos_embed",
                                    .pre_norm = "norm_pre"};

}  // namespace hqq
