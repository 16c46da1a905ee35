// Mistral: Llama whose attention may be limited to a sliding window. A config that says nothing means 4096.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kMistral = {.architecture = "MistralForCausalLM",
                         .names = {kLlamaNames},
                         .max_position = 131072,
                         .window_rule = WindowRule::all,
                         .window = 4096};

}  // namespace hqq
