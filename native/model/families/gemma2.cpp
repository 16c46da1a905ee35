// Gemma 2: norms on either side of attention and MLP, soft-capped scores and logits, a window in every other layer.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kGemma2 = {.architecture = "Gemma2ForCausalLM",
                        .names = {with_four_norms(kLlamaNames)},
                        .norm_offset = true,
                        .activation_key = "hidden_activation",
                        .activation = "gelu_pytorch_tanh",
                        .qkv_bias = Bias::by_attention_bias,
                        .o_bias = Bias::by_attention_bias,
                        .tied = true,
                        .head_dim = 256,
                        .max_position = 8192,
                        .scaled_embedding = true,
                        .scales_pictures = true,
                        .query_scalar = 256,
                        .attention_softcap = 50.0,
                        .logit_softcap = 30.0,
                        .window_rule = WindowRule::pattern,
                        .window = 4096,
                        .window_pattern = 2};

}  // namespace hqq
