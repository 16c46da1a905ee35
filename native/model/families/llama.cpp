// Llama 1 to 3.x, and the many models that took its architecture over (SmolLM 1 and 2, Yi, TinyLlama, Vicuna ...).
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kLlama = {.architecture = "LlamaForCausalLM",
                       .names = {kLlamaNames},
                       .qkv_bias = Bias::by_attention_bias,
                       .o_bias = Bias::by_attention_bias,
                       .mlp_bias = Bias::by_mlp_bias};

}  // namespace hqq
