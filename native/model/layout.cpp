#include "model/layout.h"

#include "model/family.h"

namespace hqq {
namespace {

bool holds(const WeightSource& source, const std::string& module) {
  return source.contains(module + ".weight") || source.is_quantized(module);
}

/// How a language model's names change inside a model that sees: one prefix for all, or, in newer files, one in the
/// place of the leading "model." with the head beside it.
using Renaming = std::string (*)(std::string_view name);

std::string unchanged(std::string_view name) { return std::string(name); }
std::string prefixed(std::string_view name) { return "language_model." + std::string(name); }
std::string inside_model(std::string_view name) {
  constexpr std::string_view kModel = "model.";
  return name.starts_with(kModel) ? "model.language_model." + std::string(name.substr(kModel.size()))
                                  : std::string(name);
}

struct FoundNames {
  const TensorNames& names;
  Renaming rename;
};

FoundNames names_in(const Family& family, bool sees, const WeightSource& source) {
  std::vector<Renaming> renamings = {unchanged};
  if (sees) renamings = {prefixed, inside_model};
  for (const TensorNames& names : family.names)
    for (const Renaming rename : renamings)
      if (!names.embedding.empty() && holds(source, rename(names.embedding))) return {names, rename};
  throw EngineError(ErrorCode::bad_file,
                    "the model has no tensor " + renamings.front()(family.names.front().embedding) + ".weight");
}

class Builder {
 public:
  Builder(const ModelConfig& config, const TensorNames& names, std::string block_prefix)
      : c_(config), n_(names), block_prefix_(std::move(block_prefix)) {}

  std::vector<BlockSpec> blocks() const {
    std::vector<BlockSpec> blocks;
    for (int64_t i = 0; i < c_.num_layers; ++i) blocks.push_back(block(i));
    return blocks;
  }

 private:
  BlockSpec block(int64_t i) const {
    const std::string prefix = block_prefix_ + std::to_string(i) + ".";
    const int64_t hidden = c_.hidden_size;
    const auto norm = [&](std::string_view name, int64_t size) {
      return name.empty() ? NormSpec{} : NormSpec{prefix + std::string(name), size};
    };
    BlockSpec b;
    b.input_norm = norm(n_.input_norm, hidden);
    b.attention_out_norm = norm(n_.attention_out_norm, hidden);
    b.mlp_norm = norm(n_.mlp_norm, hidden);
    b.mlp_out_norm = norm(n_.mlp_out_norm, hidden);
    const auto projection = [&](std::string_view name, int64_t out) {
      b.qkv.push_back({prefix + std::string(name), out, hidden, c_.qkv_bias});
    };
    if (!n_.qkv.empty()) {
      projection(n_.qkv, c_.q_size() + 2 * c_.kv_size());
    } else {
      projection(n_.q, c_.q_size());
      projection(n_.k, c_.kv_size());
      projection(n_.v, c_.kv_size());
    }
    if (c_.qk_norm != QkNorm::none) {
      const bool all = c_.qk_norm == QkNorm::all;
      b.q_norm = norm(n_.q_norm, all ? c_.q_size() : c_.head_dim);
      b.k_norm = norm(n_.k_norm, all ? c_.kv_size() : c_.head_dim);
    }
    b.o = {prefix + std::string(n_.o), hidden, c_.q_size(), c_.o_bias};
    if (c_.layers[static_cast<size_t>(i)].experts) add_experts(prefix, b);
    else b.mlp = mlp(prefix, n_.gate, n_.up, n_.down, c_.intermediate_size);
    return b;
  }

  MlpSpec mlp(const std::string& prefix, std::string_view gate, std::string_view up, std::string_view down,
              int64_t size) const {
    const auto linear = [&](std::string_view name, int64_t out, int64_t in) {
      return LinearSpec{prefix + std::string(name), out, in, c_.mlp_bias};
    };
    MlpSpec m;
    if (!n_.gate_up.empty()) {
      m.in.push_back(linear(n_.gate_up, 2 * size, c_.hidden_size));
    } else {
      if (c_.gated_mlp) m.in.push_back(linear(gate, size, c_.hidden_size));
      m.in.push_back(linear(up, size, c_.hidden_size));
    }
    m.down = linear(down, c_.hidden_size, size);
    return m;
  }

  void add_experts(const std::string& prefix, BlockSpec& b) const {
    const MoeConfig& moe = c_.moe;
    b.router = {prefix + std::string(n_.router), moe.num_experts, c_.hidden_size, false};
    for (int64_t e = 0; e < moe.num_experts; ++e)
      b.experts.push_back(mlp(prefix + std::string(n_.experts) + std::to_string(e) + ".", n_.expert_gate, n_.expert_up,
                              n_.expert_down, moe.intermediate_size));
    if (moe.shared_intermediate_size == 0) return;
    b.shared_expert = mlp(prefix + std::string(n_.shared_expert), n_.expert_gate, n_.expert_up, n_.expert_down,
                          moe.shared_intermediate_size);
    b.shared_gate = {prefix + std::string(n_.shared_gate), 1, c_.hidden_size, false};
  }

  const ModelConfig& c_;
  const TensorNames& n_;
  std::string block_prefix_;
};

int64_t count(const MlpSpec& mlp) { return static_cast<int64_t>(mlp.in.size()) + (mlp.down.module.empty() ? 0 : 1); }

}  // namespace

ModelLayout model_layout(const ModelConfig& config, const WeightSource& source) {
  const Family* family = find_family(config.architecture);
  require(family != nullptr, ErrorCode::unsupported, "architecture " + config.architecture + " is not supported");
  const auto [names, rename] = names_in(*family, config.sees, source);
  ModelLayout layout;
  layout.embedding = {rename(names.embedding), config.vocab_size, config.hidden_size, false};
  layout.final_norm = {rename(names.final_norm), config.hidden_size};
  layout.head = {rename(names.head), config.vocab_size, config.hidden_size, config.head_bias};
  layout.blocks = Builder(config, names, rename(names.block_prefix)).blocks();
  return layout;
}

std::vector<BlockSpec> block_layout(const ModelConfig& config, const TensorNames& names, const std::string& prefix) {
  return Builder(config, names, prefix + std::string(names.block_prefix)).blocks();
}

int64_t count_linears(const ModelLayout& layout) {
  int64_t total = (layout.embedding.module.empty() ? 0 : 1) + (layout.head.module.empty() ? 0 : 1);
  for (const BlockSpec& b : layout.blocks) {
    total += static_cast<int64_t>(b.qkv.size()) + 1 + count(b.mlp) + count(b.shared_expert);
    total += (b.router.module.empty() ? 0 : 1) + (b.shared_gate.module.empty() ? 0 : 1);
    for (const MlpSpec& expert : b.experts) total += count(expert);
  }
  return total;
}

}  // namespace hqq
