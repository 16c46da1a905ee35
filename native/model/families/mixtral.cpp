// Mixtral: Mistral with a mixture of experts in place of the MLP.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {
namespace {

constexpr TensorNames names() {
  TensorNames n = kLlamaNames;
  n.router = "block_sparse_moe.gate";
  n.experts = "block_sparse_moe.experts.";
  n.expert_gate = "w1";
  n.expert_up = "w3";
  n.expert_down = "w2";
  return n;
}

}  // namespace

const Family kMixtral = {.architecture = "MixtralForCausalLM",
                         .names = {names()},
                         .norm_eps = 1e-5,
                         .max_position = 131072,
                         .rope_theta = 1e6,
                         .window_rule = WindowRule::all,
                         .num_experts_key = "num_local_experts",
                         .num_experts = 8,
                         .experts_per_token = 2,
                         .expert_size_key = "intermediate_size"};

}  // namespace hqq
