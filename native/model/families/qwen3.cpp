// Qwen 3: Llama whose queries and keys are normalised head by head.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kQwen3 = {.architecture = "Qwen3ForCausalLM",
                       .names = {with_qk_norm(kLlamaNames)},
                       .qk_norm = QkNorm::head,
                       .qkv_bias = Bias::by_attention_bias,
                       .o_bias = Bias::by_attention_bias,
                       .head_dim = 128,
                       .max_position = 32768,
                       .window_rule = WindowRule::from_layer,
                       .window = 4096};

}  // namespace hqq
