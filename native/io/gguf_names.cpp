#include "io/gguf_names.h"

#include <map>
#include <string_view>

#include "core/error.h"

namespace hqq {
namespace {

using Names = std::map<std::string_view, std::string_view>;

constexpr std::string_view kBlock = "blk.";

const Names kTop = {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};

/// What most architectures call their layers.
const Names kCommon = {{"attn_norm", "input_layernorm"},     {"attn_q", "self_attn.q_proj"},
                       {"attn_k", "self_attn.k_proj"},       {"attn_v", "self_attn.v_proj"},
                       {"attn_output", "self_attn.o_proj"},  {"ffn_norm", "post_attention_layernorm"},
                       {"ffn_gate", "mlp.gate_proj"},        {"ffn_up", "mlp.up_proj"},
                       {"ffn_down", "mlp.down_proj"},        {"attn_q_norm", "self_attn.q_norm"},
                       {"attn_k_norm", "self_attn.k_norm"}};

struct Architecture {
  Names own;                 // instead of or beside kTop and kCommon; "*" is the number of an expert
  bool paired_rows = false;  // GgufName::paired_heads of q and k
  bool plus_one = false;     // GgufName::plus_one of all norms
};

const Names kNormsBehind = {{"post_attention_norm", "post_attention_layernorm"}, {"post_ffw_norm", "post_feedforward_layernorm"}};
const Names kFourNorms = {{"post_attention_norm", "post_attention_layernorm"},
                          {"ffn_norm", "pre_feedforward_layernorm"},
                          {"post_ffw_norm", "post_feedforward_layernorm"}};
const Names kMixtralExperts = {{"ffn_gate_inp", "block_sparse_moe.gate"},
                               {"ffn_gate_exps", "block_sparse_moe.experts.*.w1"},
                               {"ffn_up_exps", "block_sparse_moe.experts.*.w3"},
                               {"ffn_down_exps", "block_sparse_moe.experts.*.w2"}};
const Names kQwenExperts = {{"ffn_gate_inp", "mlp.gate"},
                            {"ffn_gate_exps", "mlp.experts.*.gate_proj"},
                            {"ffn_up_exps", "mlp.experts.*.up_proj"},
                            {"ffn_down_exps", "mlp.experts.*.down_proj"},
                            {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
                            {"ffn_gate_shexp", "mlp.shared_expert.gate_proj"},
                            {"ffn_up_shexp", "mlp.shared_expert.up_proj"},
                            {"ffn_down_shexp", "mlp.shared_expert.down_proj"}};

const std::map<std::string_view, Architecture> kArchitectures = {
    {"llama", {.own = kMixtralExperts, .paired_rows = true}},
    {"smollm3", {.own = {}, .paired_rows = true}},
    {"qwen2", {}},
    {"qwen2moe", {.own = kQwenExperts}},
    {"qwen3", {}},
    {"qwen3moe", {.own = kQwenExperts}},
    {"olmo2", {.own = kNormsBehind}},
    {"phi2",
     {.own = {{"output_norm", "model.final_layernorm"},
              {"attn_output", "self_attn.dense"},
              {"ffn_up", "mlp.fc1"},
              {"ffn_down", "mlp.fc2"}}}},
    {"phi3", {.own = {{"attn_qkv", "self_attn.qkv_proj"}, {"ffn_up", "mlp.gate_up_proj"}}}},
    {"gemma", {.own = {}, .plus_one = true}},
    {"gemma2", {.own = kFourNorms, .plus_one = true}},
    {"gemma3", {.own = kFourNorms, .plus_one = true}},
};

const std::string_view* find_in(const Names& names, std::string_view part) {
  const auto found = names.find(part);
  return found == names.end() ? nullptr : &found->second;
}

/// The key whose value is `name`, an architecture's own before the common ones.
const std::string_view* key_of(const Architecture& known, std::string_view name) {
  for (const Names* names : {&known.own, &kCommon}) {
    for (const auto& [key, value] : *names)
      if (value == name && (names == &known.own || !known.own.contains(key))) return &key;
  }
  return nullptr;
}

[[noreturn]] void unknown(const std::string& architecture, const std::string& tensor) {
  throw EngineError(ErrorCode::unsupported, "the GGUF tensor \"" + tensor.substr(0, 200) + "\" is not one of a model of architecture \"" +
                                                architecture + "\" that is known here");
}

}  // namespace

bool knows_gguf_architecture(const std::string& architecture) { return kArchitectures.contains(architecture); }

std::optional<GgufName> model_name_of(const std::string& architecture, const std::string& tensor, const GgufHeads& heads) {
  const Architecture& known = kArchitectures.at(architecture);
  const size_t last = tensor.rfind('.');
  if (last == std::string::npos) unknown(architecture, tensor);
  const std::string leaf = tensor.substr(last);  // ".weight" or ".bias"
  const std::string_view path = std::string_view(tensor).substr(0, last);
  if (leaf != ".weight" && leaf != ".bias") unknown(architecture, tensor);
  if (path.starts_with("rope_f")) return std::nullopt;  // rope_freqs, rope_factors_long: the configuration has them
  if (const std::string_view* usual = find_in(kTop, path)) {
    const std::string_view* own = find_in(known.own, path);
    return GgufName{std::string(own ? *own : *usual) + leaf, 0, known.plus_one && path == "output_norm"};
  }
  if (!path.starts_with(kBlock)) unknown(architecture, tensor);
  const size_t dot = path.find('.', kBlock.size());
  if (dot == std::string_view::npos) unknown(architecture, tensor);
  const std::string_view layer = path.substr(kBlock.size(), dot - kBlock.size()), part = path.substr(dot + 1);
  const std::string_view* name = find_in(known.own, part);
  if (name == nullptr) name = find_in(kCommon, part);
  if (name == nullptr || layer.empty() || layer.find_first_not_of("0123456789") != std::string_view::npos) unknown(architecture, tensor);
  GgufName out{"model.layers." + std::string(layer) + "." + std::string(*name) + leaf, 0, false};
  if (known.paired_rows && part == "attn_q") out.paired_heads = heads.queries;
  if (known.paired_rows && part == "attn_k") out.paired_heads = heads.keys;
  out.plus_one = known.plus_one && part.ends_with("norm");
  out.experts = name->find('*') != std::string_view::npos;
  return out;
}

GgufName gguf_name_of(const std::string& architecture, const std::string& tensor, const GgufHeads& heads) {
  const auto refuse = [&]() -> GgufName {
    throw EngineError(ErrorCode::unsupported, "GGUF has no name for the tensor \"" + tensor.substr(0, 200) +
                                                  "\" in a model of architecture \"" + architecture + "\"");
  };
  require(knows_gguf_architecture(architecture), ErrorCode::unsupported,
          "models of architecture \"" + architecture.substr(0, 60) + "\" cannot be written as GGUF");
  const Architecture& known = kArchitectures.at(architecture);
  const size_t last = tensor.rfind('.');
  if (last == std::string::npos) return refuse();
  const std::string leaf = tensor.substr(last);
  const std::string_view path = std::string_view(tensor).substr(0, last);
  std::string name;
  for (const auto& [own, model] : kTop)
    if (model == path) name = std::string(own) + leaf;
  constexpr std::string_view layers = "model.layers.";
  if (name.empty() && path.starts_with(layers)) {
    const size_t dot = path.find('.', layers.size());
    const std::string_view* part = dot == std::string_view::npos ? nullptr : key_of(known, path.substr(dot + 1));
    if (part != nullptr) {
      name = std::string(kBlock) + std::string(path.substr(layers.size(), dot - layers.size())) + "." + std::string(*part) + leaf;
    }
  }
  // What is not read back as this tensor is none of the architecture's.
  if (name.empty()) return refuse();
  const std::optional<GgufName> back = model_name_of(architecture, name, heads);
  if (!back || back->name != tensor) return refuse();
  return {name, back->paired_heads, back->plus_one};
}

}  // namespace hqq
