#include "model/weights.h"

#include "model/family.h"

namespace hqq {
namespace {

class Loader {
 public:
  Loader(const ModelConfig& config, WeightSource& source, DType compute_dtype, Reporter& reporter)
      : config_(config),
        family_(*find_family(config.architecture)),
        source_(source),
        compute_(compute_dtype),
        reporter_(reporter) {}

  ModelWeights load() {
    const int64_t hidden = config_.hidden_size;
    total_ = config_.num_layers * 7 + 2;
    w_.embedding = embedding();
    for (int64_t i = 0; i < config_.num_layers; ++i) w_.blocks.push_back(block(i));
    w_.final_norm = vector(std::string(family_.final_norm) + ".weight", hidden);
    const std::string head(family_.head);
    if (config_.tie_word_embeddings && !source_.is_quantized(head)) {
      w_.head = tied_head(head);
    } else {
      w_.head = linear(head, config_.vocab_size, hidden, false);
    }
    return std::move(w_);
  }

 private:
  BlockWeights block(int64_t i) {
    const int64_t hidden = config_.hidden_size, mlp = config_.intermediate_size;
    const int64_t q_size = config_.num_heads * config_.head_dim, kv_size = config_.num_kv_heads * config_.head_dim;
    const auto named = [&](std::string_view name) { return family_.block(i, name); };
    BlockWeights b;
    b.input_norm = vector(named(family_.input_norm) + ".weight", hidden);
    b.q = linear(named(family_.q), q_size, hidden, config_.attention_bias);
    b.k = linear(named(family_.k), kv_size, hidden, config_.attention_bias);
    b.v = linear(named(family_.v), kv_size, hidden, config_.attention_bias);
    b.o = linear(named(family_.o), hidden, q_size, config_.attention_bias);
    b.post_attention_norm = vector(named(family_.post_attention_norm) + ".weight", hidden);
    b.gate = linear(named(family_.gate), mlp, hidden, config_.mlp_bias);
    b.up = linear(named(family_.up), mlp, hidden, config_.mlp_bias);
    b.down = linear(named(family_.down), hidden, mlp, config_.mlp_bias);
    return b;
  }

  StoredTensor stored(const std::string& name, const Shape& expected) {
    require(source_.contains(name), ErrorCode::bad_file, "the model has no tensor " + name);
    StoredTensor t = source_.tensor(name);
    require(
        t.view.shape == expected, ErrorCode::bad_file,
        "tensor " + name + " has shape " + to_string(t.view.shape) + ", config.json asks for " + to_string(expected));
    const DType d = t.view.dtype;
    require(d == DType::f32 || d == DType::f16 || d == DType::bf16, ErrorCode::unsupported,
            "tensor " + name + " has dtype " + std::string(to_string(d)) + "; weights must be F32, F16 or BF16");
    return t;
  }

  /// A norm weight or bias: small, so it is kept as float32.
  Buffer vector(const std::string& name, int64_t n) {
    const StoredTensor t = stored(name, {n});
    Buffer values(n * 4, MemoryUse::weights);
    to_f32(t.view.data, t.view.dtype, values.as<float>(), n);
    w_.parameters += n;
    w_.vector_bytes += values.bytes();
    return values;
  }

  Linear embedding() {
    const std::string name(family_.embedding);
    require(!source_.is_quantized(name), ErrorCode::unsupported,
            "the embedding is quantized; only linear layers can be");
    StoredTensor t = stored(name + ".weight", {config_.vocab_size, config_.hidden_size});
    count_dense(t);
    step();
    return Linear::dense(t.view, std::move(t.keep), {});
  }

  /// The head of a tied model reads the embedding's rows; it costs no memory of its own.
  Linear tied_head(const std::string& name) {
    StoredTensor t = source_.tensor(std::string(family_.embedding) + ".weight");
    Linear head = Linear::dense(t.view, std::move(t.keep), {});
    describe(name, head, nullptr, t.view.dtype);
    step();
    return head;
  }

  Linear linear(const std::string& module, int64_t out, int64_t in, bool with_bias) {
    check_cancelled(reporter_);
    Buffer bias = with_bias ? vector(module + ".bias", out) : Buffer();
    if (!source_.is_quantized(module)) {
      StoredTensor t = stored(module + ".weight", {out, in});
      count_dense(t);
      const DType dtype = t.view.dtype;
      Linear layer = Linear::dense(t.view, std::move(t.keep), std::move(bias));
      describe(module, layer, nullptr, dtype);
      step();
      return layer;
    }
    const QuantizedTensor q = source_.quantized(module);
    require(q.shape == Shape{out, in}, ErrorCode::bad_file,
            module + " holds a weight of shape " + to_string(q.shape) + ", config.json asks for " +
                to_string(Shape{out, in}));
    w_.parameters += out * in;
    Linear layer = Linear::quantized(q, compute_, std::move(bias));
    describe(module, layer, &q.config, q.scale.dtype);
    source_.release(module);
    step();
    return layer;
  }

  void count_dense(const StoredTensor& t) {
    w_.parameters += t.view.numel();
    if (t.mapped) w_.mapped_bytes += t.view.bytes();
  }

  void describe(const std::string& module, const Linear& layer, const QuantConfig* quant, DType dtype) {
    LayerInfo info;
    info.name = module;
    info.shape = {layer.out(), layer.in()};
    info.quantized = quant != nullptr;
    if (quant) info.quant = *quant;
    info.dtype = dtype;
    info.weight_bytes = layer.weight_bytes();
    info.metadata_bytes = layer.metadata_bytes();
    w_.layers.push_back(std::move(info));
  }

  void step() {
    reporter_.progress("{\"phase\":\"load\",\"done\":" + std::to_string(++done_) +
                       ",\"total\":" + std::to_string(total_) + "}");
  }

  const ModelConfig& config_;
  const Family& family_;
  WeightSource& source_;
  DType compute_;
  Reporter& reporter_;
  ModelWeights w_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

ModelWeights load_weights(const ModelConfig& config, WeightSource& source, DType compute_dtype, Reporter& reporter) {
  return Loader(config, source, compute_dtype, reporter).load();
}

int64_t ModelWeights::resident_bytes() const {
  // Dense layers stay in the mapped file unless a grouping without a kernel was dequantized.
  int64_t bytes = vector_bytes;
  for (const LayerInfo& layer : layers)
    if (layer.quantized) bytes += layer.weight_bytes;
  return bytes;
}

int64_t ModelWeights::metadata_bytes() const {
  int64_t bytes = 0;
  for (const LayerInfo& layer : layers) bytes += layer.metadata_bytes;
  return bytes;
}

int64_t ModelWeights::bytes_per_token() const {
  int64_t bytes = 0;
  for (const LayerInfo& layer : layers) bytes += layer.weight_bytes + layer.metadata_bytes;
  return bytes;
}

}  // namespace hqq
