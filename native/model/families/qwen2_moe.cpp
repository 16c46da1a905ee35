// Qwen 1.5 and 2 with experts: every token also passes a shared expert that has a weight of its own.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {
namespace {

constexpr TensorNames names() {
  TensorNames n = with_qwen_experts(kLlamaNames);
  n.shared_expert = "mlp.shared_expert.";
  n.shared_gate = "mlp.shared_expert_gate";
  return n;
}

}  // namespace

const Family kQwen2Moe = {.architecture = "Qwen2MoeForCausalLM",
                          .names = {names()},
                          .qkv_bias = Bias::by_qkv_bias,
                          .max_position = 32768,
                          .window_rule = WindowRule::from_layer,
                          .window = 4096,
                          .num_experts_key = "num_experts",
                          .num_experts = 60,
                          .experts_per_token = 4,
                          .shared_expert = true,
                          .normalize_top_k = false};

}  // namespace hqq
