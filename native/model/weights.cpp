#include "model/weights.h"

#include <algorithm>

namespace hqq {
namespace {

class Loader {
 public:
  Loader(const ModelConfig& config, ModelLayout layout, WeightSource& source, DType compute_dtype, Reporter& reporter)
      : config_(config),
        layout_(std::move(layout)),
        source_(source),
        compute_(compute_dtype),
        reporter_(reporter),
        total_(count_linears(layout_)) {}

  ModelWeights load() {
    w_.head_is_embedding = config_.tie_word_embeddings && !source_.is_quantized(layout_.head.module);
    if (!layout_.embedding.module.empty()) w_.embedding = embedding();
    for (const BlockSpec& spec : layout_.blocks) w_.blocks.push_back(block(spec));
    w_.final_norm = norm(layout_.final_norm);
    if (w_.head_is_embedding) std::rotate(w_.layers.begin(), w_.layers.begin() + 1, w_.layers.end());
    else if (!layout_.head.module.empty()) w_.own_head = linear(layout_.head);
    return std::move(w_);
  }

 private:
  BlockWeights block(const BlockSpec& spec) {
    BlockWeights b;
    b.input_norm = norm(spec.input_norm);
    for (const LinearSpec& part : spec.qkv) b.qkv.push_back(linear(part));
    b.q_norm = norm(spec.q_norm);
    b.k_norm = norm(spec.k_norm);
    if (!spec.o.module.empty()) b.o = linear(spec.o);
    b.attention_out_norm = norm(spec.attention_out_norm);
    b.mlp_norm = norm(spec.mlp_norm);
    if (spec.experts.empty()) {
      b.mlp = mlp(spec.mlp);
    } else {
      b.router = linear(spec.router);
      // A decoded token reads the chosen experts only; which ones differs from token to token.
      share_ = static_cast<double>(config_.moe.experts_per_token) / static_cast<double>(config_.moe.num_experts);
      for (const MlpSpec& expert : spec.experts) b.experts.push_back(mlp(expert));
      share_ = 1.0;
      if (!spec.shared_gate.module.empty()) {
        b.shared_expert = mlp(spec.shared_expert);
        b.shared_gate = linear(spec.shared_gate);
      }
    }
    b.mlp_out_norm = norm(spec.mlp_out_norm);
    return b;
  }

  Mlp mlp(const MlpSpec& spec) {
    Mlp m;
    for (const LinearSpec& part : spec.in) m.in.push_back(linear(part));
    m.down = linear(spec.down);
    return m;
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

  Norm norm(const NormSpec& spec) {
    Norm n;
    if (spec.module.empty()) return n;
    n.weight = vector(spec.module + ".weight", spec.size);
    if (config_.norm_offset)
      for (float& value : n.weight.span<float>().first(static_cast<size_t>(spec.size))) value += 1.0f;
    if (config_.norm == NormKind::layer) n.bias = vector(spec.module + ".bias", spec.size);
    return n;
  }

  /// Kept or quantized. In a tied model it is the head as well, and a token reads all of it; else it reads one row.
  Linear embedding() {
    const LinearSpec& spec = layout_.embedding;
    const bool quantized = source_.is_quantized(spec.module);
    share_ = w_.head_is_embedding ? 1.0 : 0.0;
    Linear table = linear(spec);
    share_ = 1.0;
    // A kept table is listed under the head's name, or not at all: nothing multiplies by it.
    if (w_.head_is_embedding && !quantized) w_.layers.back().name = layout_.head.module;
    else if (!quantized) w_.layers.pop_back();
    return table;
  }

  Linear linear(const LinearSpec& spec) {
    check_cancelled(reporter_);
    Buffer bias = spec.bias ? vector(spec.module + ".bias", spec.out) : Buffer();
    const Shape shape = {spec.out, spec.in};
    if (!source_.is_quantized(spec.module)) {
      StoredTensor t = stored(spec.module + ".weight", shape);
      w_.parameters += t.view.numel();
      if (t.mapped) w_.mapped_bytes += t.view.bytes();
      const DType dtype = t.view.dtype;
      Linear layer = Linear::dense(t.view, std::move(t.keep), std::move(bias));
      layer.set_name(spec.module);
      describe(spec.module, layer, nullptr, dtype);
      return layer;
    }
    const QuantizedTensor q = source_.quantized(spec.module);
    require(q.shape == shape, ErrorCode::bad_file,
            spec.module + " holds a weight of shape " + to_string(q.shape) + ", config.json asks for " +
                to_string(shape));
    w_.parameters += spec.out * spec.in;
    Linear layer = Linear::quantized(q, compute_, std::move(bias));
    layer.set_name(spec.module);
    describe(spec.module, layer, &q.config, q.scale.dtype);
    source_.release(spec.module);
    return layer;
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
    info.read_share = share_;
    w_.layers.push_back(std::move(info));
    reporter_.progress("{\"phase\":\"load\",\"done\":" + std::to_string(++done_) +
                       ",\"total\":" + std::to_string(total_) + "}");
  }

  const ModelConfig& config_;
  const ModelLayout layout_;
  WeightSource& source_;
  DType compute_;
  Reporter& reporter_;
  ModelWeights w_;
  double share_ = 1.0;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

ModelWeights load_weights(const ModelConfig& config, WeightSource& source, DType compute_dtype, Reporter& reporter) {
  return load_weights(config, model_layout(config, source), source, compute_dtype, reporter);
}

ModelWeights load_weights(const ModelConfig& config, ModelLayout layout, WeightSource& source, DType compute_dtype,
                          Reporter& reporter) {
  return Loader(config, std::move(layout), source, compute_dtype, reporter).load();
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
  double bytes = 0;
  for (const LayerInfo& layer : layers)
    bytes += layer.read_share * static_cast<double>(layer.weight_bytes + layer.metadata_bytes);
  return static_cast<int64_t>(bytes);
}

}  // namespace hqq
