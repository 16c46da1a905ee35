// Qwen 3 with experts in all or some of its blocks.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kQwen3Moe = {.architecture = "Qwen3MoeForCausalLM",
                          .names = {with_qwen_experts(with_qk_norm(kLlamaNames))},
                          .qk_norm = QkNorm::head,
                          .qkv_bias = Bias::by_attention_bias,
                          .o_bias = Bias::by_attention_bias,
                          .max_position = 32768,
                          .window_rule = WindowRule::from_layer,
                          .window = 4096,
                          .num_experts_key = "num_experts",
                          .num_experts = 128,
                          .experts_per_token = 8,
                          .normalize_top_k = false};

}  // namespace hqq
