// Gemma 1: Llama with scaled, tied embeddings and norm weights that are offsets from one.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kGemma = {.architecture = "GemmaForCausalLM",
                       .names = {kLlamaNames},
                       .norm_offset = true,
                       .activation = "gelu_pytorch_tanh",
                       .qkv_bias = Bias::by_attention_bias,
                       .o_bias = Bias::by_attention_bias,
                       .tied = true,
                       .head_dim = 256,
                       .max_position = 8192,
                       .scaled_embedding = true,
                       .scales_pictures = true};

}  // namespace hqq
