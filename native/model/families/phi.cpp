// Phi 1, 1.5 and 2: attention and MLP side by side after one LayerNorm, biases everywhere, part of each head rotated.
// Older folders have the names of the code that came with the model, with q, k and v fused.
#include "model/families/families.h"

namespace hqq {
namespace {

constexpr TensorNames kNames = {.embedding = "model.embed_tokens",
                                .final_norm = "model.final_layernorm",
                                .head = "lm_head",
                                .block_prefix = "model.layers.",
                                .input_norm = "input_layernorm",
                                .q = "self_attn.q_proj",
                                .k = "self_attn.k_proj",
                                .v = "self_attn.v_proj",
                                .q_norm = "self_attn.q_layernorm",
                                .k_norm = "self_attn.k_layernorm",
                                .o = "self_attn.dense",
                                .up = "mlp.fc1",
                                .down = "mlp.fc2"};

constexpr TensorNames kOldNames = {.embedding = "transformer.embd.wte",
                                   .final_norm = "lm_head.ln",
                                   .head = "lm_head.linear",
                                   .block_prefix = "transformer.h.",
                                   .input_norm = "ln",
                                   .qkv = "mixer.Wqkv",
                                   .o = "mixer.out_proj",
                                   .up = "mlp.fc1",
                                   .down = "mlp.fc2"};

}  // namespace

const Family kPhi = {.architecture = "PhiForCausalLM",
                     .names = {kNames, kOldNames},
                     .norm = NormKind::layer,
                     .norm_eps_key = "layer_norm_eps",
                     .norm_eps = 1e-5,
                     .parallel = true,
                     .activation = "gelu_new",
                     .gated_mlp = false,
                     .qk_norm = QkNorm::head,
                     .qk_norm_key = "qk_layernorm",
                     .qkv_bias = Bias::yes,
                     .o_bias = Bias::yes,
                     .mlp_bias = Bias::yes,
                     .head_bias = Bias::yes,
                     .partial_rotary = 0.5};

}  // namespace hqq
