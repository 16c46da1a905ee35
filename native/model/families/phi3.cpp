// Phi 3, 3.5 and 4: Llama with fused projections, and longrope in the long-context versions (once called su or yarn).
#include "model/families/families.h"
#include "model/families/names.h"

namespace hqq {
namespace {

constexpr TensorNames names() {
  TensorNames n = kLlamaNames;
  n.q = n.k = n.v = n.gate = n.up = {};
  n.qkv = "self_attn.qkv_proj";
  n.gate_up = "mlp.gate_up_proj";
  return n;
}

}  // namespace

const Family kPhi3 = {.architecture = "Phi3ForCausalLM",
                      .names = {names()},
                      .norm_eps = 1e-5,
                      .max_position = 4096,
                      .yarn_is_longrope = true,
                      .window_rule = WindowRule::all};

}  // namespace hqq
