#include "model/family.h"

#include <array>

namespace hqq {

std::span<const Family> families() {
  static constexpr std::array<Family, 1> table = {{
      {.architecture = "LlamaForCausalLM",
       .embedding = "model.embed_tokens",
       .final_norm = "model.norm",
       .head = "lm_head",
       .block_prefix = "model.layers.",
       .input_norm = "input_layernorm",
       .post_attention_norm = "post_attention_layernorm",
       .q = "self_attn.q_proj",
       .k = "self_attn.k_proj",
       .v = "self_attn.v_proj",
       .o = "self_attn.o_proj",
       .gate = "mlp.gate_proj",
       .up = "mlp.up_proj",
       .down = "mlp.down_proj"},
  }};
  return table;
}

const Family* find_family(std::string_view architecture) {
  for (const Family& family : families())
    if (family.architecture == architecture) return &family;
  return nullptr;
}

}  // namespace hqq
