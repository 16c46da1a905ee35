// Qwen 2 and 2.5: Llama with biases on q, k and v.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kQwen2 = {.architecture = "Qwen2ForCausalLM",
                       .names = {kLlamaNames},
                       .qkv_bias = Bias::yes,
                       .max_position = 32768,
                       .window_rule = WindowRule::from_layer,
                       .window = 4096};

}  // namespace hqq
