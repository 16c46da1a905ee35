// OLMo 2: norms after attention and MLP instead of before them; queries and keys normalised over all heads at once.
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {
namespace {

constexpr TensorNames names() {
  TensorNames n = with_qk_norm(kLlamaNames);
  n.input_norm = n.mlp_norm = {};
  n.attention_out_norm = "post_attention_layernorm";
  n.mlp_out_norm = "post_feedforward_layernorm";
  return n;
}

}  // namespace

const Family kOlmo2 = {.architecture = "Olmo2ForCausalLM",
                       .names = {names()},
                       .norm_eps = 1e-5,
                       .qk_norm = QkNorm::all,
                       .qkv_bias = Bias::by_attention_bias,
                       .o_bias = Bias::by_attention_bias};

}  // namespace hqq
