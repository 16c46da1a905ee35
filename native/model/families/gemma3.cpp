// Gemma 3, text: Gemma 2 with normalised queries and keys in place of soft-capping; windowed layers have a rotation of
// their own.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {

const Family kGemma3 = {.architecture = "Gemma3ForCausalLM",
                        .names = {with_qk_norm(with_four_norms(kLlamaNames))},
                        .norm_offset = true,
                        .activation_key = "hidden_activation",
                        .activation = "gelu_pytorch_tanh",
                        .qk_norm = QkNorm::head,
                        .qkv_bias = Bias::by_attention_bias,
                        .o_bias = Bias::by_attention_bias,
                        .tied = true,
                        .head_dim = 256,
                        .max_position = 131072,
                        .scaled_embedding = true,
                        .query_scalar = 256,
                        .rope_theta = 1e6,
                        .local_rope_theta = 10000.0,
                        .window_rule = WindowRule::pattern,
                        .window = 4096,
                        .window_pattern = 6};

}  // namespace hqq
