// SmolLM 3: Llama in which every fourth layer is not rotated (NoPE).
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kSmolLM3 = {.architecture = "SmolLM3ForCausalLM",
                         .names = {kLlamaNames},
                         .qkv_bias = Bias::by_attention_bias,
                         .o_bias = Bias::by_attention_bias,
                         .mlp_bias = Bias::by_mlp_bias,
                         .tied = true,
                         .max_position = 32768,
                         .rope_theta = 2e6,
                         .no_rope_interval = 4,
                         .window_rule = WindowRule::unrotated};

}  // namespace hqq
