// The names that most families share, for the tables beside this file.
#pragma once

#include "model/family.h"

namespace hqq {

inline constexpr TensorNames kLlamaNames = {.embedding = "model.embed_tokens",
                                            .final_norm = "model.norm",
                                            .head = "lm_head",
                                            .block_prefix = "model.layers.",
                                            .input_norm = "input_layernorm",
                                            .mlp_norm = "post_attention_layernorm",
                                            .q = "self_attn.q_proj",
                                            .k = "self_attn.k_proj",
                                            .v = "self_attn.v_proj",
                                            .o = "self_attn.o_proj",
                                            .gate = "mlp.gate_proj",
                                            .up = "mlp.up_proj",
                                            .down = "mlp.down_proj"};

/// Families that normalise each head of queries and keys.
constexpr TensorNames with_qk_norm(TensorNames names) {
  names.q_norm = "self_attn.q_norm";
  names.k_norm = "self_attn.k_norm";
  return names;
}

/// A norm on either side of attention and of the MLP.
constexpr TensorNames with_four_norms(TensorNames names) {
  names.attention_out_norm = "post_attention_layernorm";
  names.mlp_norm = "pre_feedforward_layernorm";
  names.mlp_out_norm = "post_feedforward_layernorm";
  return names;
}

/// Experts named as the dense MLP is.
constexpr TensorNames with_qwen_experts(TensorNames names) {
  names.router = "mlp.gate";
  names.experts = "mlp.experts.";
  names.expert_gate = "gate_proj";
  names.expert_up = "up_proj";
  names.expert_down = "down_proj";
  return names;
}

}  // namespace hqq
