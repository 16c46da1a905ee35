#include "model/probe.h"

#include <algorithm>
#include <map>

#include "core/thread_pool.h"
#include "model/divergence.h"
#include "model/transformer.h"

namespace hqq {
namespace {

struct Slot {
  int64_t block;
  Linear* layer;
};

std::map<std::string, Slot, std::less<>> slots_of(ModelWeights& weights) {
  std::map<std::string, Slot, std::less<>> slots;
  for (size_t i = 0; i < weights.blocks.size(); ++i) {
    BlockWeights& b = weights.blocks[i];
    const auto add = [&](Linear& layer) {
      if (!layer.name().empty()) slots[layer.name()] = {static_cast<int64_t>(i), &layer};
    };
    const auto add_mlp = [&](Mlp& mlp) {
      for (Linear& layer : mlp.in) add(layer);
      add(mlp.down);
    };
    for (Linear& layer : b.qkv) add(layer);
    add(b.o);
    add_mlp(b.mlp);
    add(b.router);
    for (Mlp& expert : b.experts) add_mlp(expert);
    add_mlp(b.shared_expert);
    add(b.shared_gate);
  }
  return slots;
}

/// Keeps the input of every block for one sequence after the other.
class BlockInputs final : public InputObserver {
 public:
  BlockInputs(int64_t blocks, int64_t tokens, int64_t hidden) : hidden_(hidden) {
    for (int64_t i = 0; i < blocks; ++i) inputs_.emplace_back(tokens * hidden * 4, MemoryUse::scratch);
  }
  void observe(std::span<const std::string_view>, const float*, int64_t, int64_t) override {}
  void enter_block(int64_t block, const float* hidden, int64_t tokens) override {
    std::copy_n(hidden, tokens * hidden_, inputs_[static_cast<size_t>(block)].as<float>() + first_ * hidden_);
  }
  void start_at(int64_t token) { first_ = token; }
  const float* of(int64_t block, int64_t token) const { return inputs_[static_cast<size_t>(block)].as<float>() + token * hidden_; }

 private:
  int64_t hidden_, first_ = 0;
  std::vector<Buffer> inputs_;
};

ModelWeights load(const ModelConfig& config, const std::string& dir) {
  FolderSource source(dir);
  NullReporter quiet;
  return load_weights(config, source, DType::f32, quiet);
}

int64_t longest(const std::vector<std::vector<int32_t>>& text) {
  size_t most = 1;
  for (const auto& ids : text) most = std::max(most, ids.size());
  return static_cast<int64_t>(most);
}

int64_t count(const std::vector<std::vector<int32_t>>& text) {
  int64_t tokens = 0;
  for (const auto& ids : text) tokens += static_cast<int64_t>(ids.size());
  return tokens;
}

}  // namespace

struct ModelProbe::Impl {
  const ModelConfig config;
  const std::vector<std::vector<int32_t>> text;
  ModelWeights weights;
  Transformer transformer;
  std::map<std::string, Slot, std::less<>> slots;
  int64_t tokens;
  BlockInputs inputs;
  Buffer reference, other;  // f32[tokens][vocab], f32[longest][vocab]
  double nll_sum = 0;
  int64_t predicted = 0;

  Impl(const std::string& dir, const std::vector<std::vector<int32_t>>& ids)
      : config(read_model_config(dir)),
        text(ids),
        weights(load(config, dir)),
        transformer(config, weights, longest(text)),
        slots(slots_of(weights)),
        tokens(count(text)),
        inputs(config.num_layers, tokens, config.hidden_size),
        reference(tokens * config.vocab_size * 4, MemoryUse::scratch),
        other(longest(text) * config.vocab_size * 4, MemoryUse::scratch) {}

  /// Sum of the divergences of the rows of `other` from the reference's, from token `first` on.
  double compare(int64_t first, std::span<const int32_t> ids) {
    const auto rows = static_cast<int64_t>(ids.size());
    const auto vocab = static_cast<size_t>(config.vocab_size);
    std::vector<double> found(ids.size());
    parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const std::span a(reference.as<float>() + (first + r) * config.vocab_size, vocab);
        const std::span b(other.as<float>() + r * config.vocab_size, vocab);
        found[static_cast<size_t>(r)] = compare_logits(a, b, ids[static_cast<size_t>(r)]).kl;
      }
    });
    double sum = 0;
    for (const double kl : found) sum += kl;
    return sum;
  }

  void run_reference(Reporter& reporter) {
    int64_t at = 0;
    for (const auto& ids : text) {
      const auto length = static_cast<int64_t>(ids.size());
      float* rows = reference.as<float>() + at * config.vocab_size;
      inputs.start_at(at);
      transformer.forward(ids, 0, {.rope_length = length, .observer = &inputs}, reporter);
      transformer.logits(0, length, false, rows, reporter);
      for (int64_t i = 0; i + 1 < length; ++i) {
        const std::span row(rows + i * config.vocab_size, static_cast<size_t>(config.vocab_size));
        nll_sum += compare_logits(row, row, ids[static_cast<size_t>(i + 1)]).reference_nll;
      }
      predicted += length - 1;
      at += length;
      reporter.progress("{\"phase\":\"reference\",\"done\":" + std::to_string(at) + ",\"total\":" + std::to_string(tokens) + "}");
    }
  }
};

ModelProbe::ModelProbe(const std::string& model_dir, const std::vector<std::vector<int32_t>>& text, Reporter& reporter)
    : impl_(std::make_unique<Impl>(model_dir, text)) {
  impl_->run_reference(reporter);
}

ModelProbe::~ModelProbe() = default;

int64_t ModelProbe::tokens() const { return impl_->tokens; }

double ModelProbe::mean_nll() const { return impl_->nll_sum / static_cast<double>(std::max<int64_t>(1, impl_->predicted)); }

bool ModelProbe::has(const std::string& module) const { return impl_->slots.contains(module); }

double ModelProbe::divergence(const std::string& module, const float* weight, const Reporter& reporter) {
  Impl& m = *impl_;
  const auto found = m.slots.find(module);
  require(found != m.slots.end(), ErrorCode::bad_input, module + " takes no part in the model's blocks");
  const Slot slot = found->second;
  Buffer bias;
  if (const float* values = slot.layer->bias()) {
    bias = Buffer(slot.layer->out() * 4, MemoryUse::scratch);
    std::copy_n(values, slot.layer->out(), bias.as<float>());
  }
  const TensorView view{weight, DType::f32, {slot.layer->out(), slot.layer->in()}};
  Linear exchanged = Linear::dense(view, nullptr, std::move(bias));
  exchanged.set_name(module);
  /// Puts the model's own layer back, whatever happens.
  struct Exchange {
    Linear &a, &b;
    Exchange(Linear& one, Linear& two) : a(one), b(two) { std::swap(a, b); }
    ~Exchange() { std::swap(a, b); }
  } const exchange(*slot.layer, exchanged);

  double sum = 0;
  int64_t at = 0;
  for (const auto& ids : m.text) {
    const auto length = static_cast<int64_t>(ids.size());
    m.transformer.resume(slot.block, m.inputs.of(slot.block, at), length, {.rope_length = length}, reporter);
    m.transformer.logits(0, length, false, m.other.as<float>(), reporter);
    sum += m.compare(at, ids);
    at += length;
  }
  return sum / static_cast<double>(m.tokens);
}

}  // namespace hqq
