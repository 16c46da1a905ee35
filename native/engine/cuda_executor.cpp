#include "engine/cuda_executor.h"

#include <cmath>

#include "core/error.h"
#include "model/layout.h"
#include "model/rope.h"
#include "model/weight_source.h"
#include "quant/meta.h"

namespace hqq {
namespace {

/// Throws what a function of the table answered.
void check(int failed, const HqqCudaStatus& status) {
  if (!failed) return;
  constexpr ErrorCode codes[] = {ErrorCode::bad_input,     ErrorCode::bad_file,  ErrorCode::bad_weights,
                                 ErrorCode::unsupported,   ErrorCode::not_found, ErrorCode::busy,
                                 ErrorCode::out_of_memory, ErrorCode::io,        ErrorCode::device_lost};
  for (const ErrorCode code : codes)
    if (to_string(code) == status.code) throw EngineError(code, status.message);
  throw EngineError(ErrorCode::internal, status.message);
}

struct ModelDeleter {
  const HqqCudaModelApi* api;
  void operator()(HqqCudaModel* model) const { api->destroy(model); }
};
using ModelHandle = std::unique_ptr<HqqCudaModel, ModelDeleter>;

/// A linear layer as the table wants it, and what keeps its memory.
struct Part {
  HqqCudaLinear linear{};
  StoredTensor stored;
  QuantizedTensor quantized;
  Buffer scale, zero, bias;
  LayerInfo info;
};

class Loader {
 public:
  Loader(const HqqCudaModelApi& api, HqqCudaModel* model, const ModelConfig& config, WeightSource& source,
         Reporter& reporter)
      : api_(api),
        model_(model),
        config_(config),
        layout_(model_layout(config, source)),
        source_(source),
        reporter_(reporter),
        total_(count_linears(layout_)) {}

  ExecutorInfo load() {
    const bool tied = config_.tie_word_embeddings && !source_.is_quantized(layout_.head.module);
    LayerInfo table = embedding(tied);
    for (size_t i = 0; i < layout_.blocks.size(); ++i) block(static_cast<int64_t>(i), layout_.blocks[i]);
    norm(-1, 0, layout_.final_norm);
    if (tied) info_.layers.push_back(std::move(table));
    else linears(0, HQQ_CUDA_HEAD, {&layout_.head, 1});
    HqqCudaStatus status{};
    check(api_.finish(model_, &status), status);
    return std::move(info_);
  }

 private:
  void block(int64_t i, const BlockSpec& spec) {
    norm(i, 0, spec.input_norm);
    linears(i, HQQ_CUDA_QKV, spec.qkv);
    linears(i, HQQ_CUDA_OUTPUT, {&spec.o, 1});
    norm(i, 1, spec.mlp_norm);
    linears(i, HQQ_CUDA_GATE_UP, spec.mlp.in);
    linears(i, HQQ_CUDA_DOWN, {&spec.mlp.down, 1});
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
    info_.parameters += t.view.numel();
    return t;
  }

  Buffer vector(const std::string& name, int64_t n) {
    const StoredTensor t = stored(name, {n});
    Buffer values(n * 4, MemoryUse::scratch);
    to_f32(t.view.data, t.view.dtype, values.as<float>(), n);
    return values;
  }

  void norm(int64_t layer, int32_t which, const NormSpec& spec) {
    const Buffer values = vector(spec.module + ".weight", spec.size);
    if (config_.norm_offset)
      for (float& value : values.span<float>().first(static_cast<size_t>(spec.size))) value += 1.0f;
    HqqCudaStatus status{};
    check(api_.set_norm(model_, layer, which, values.as<float>(), &status), status);
  }

  LayerInfo embedding(bool tied) {
    Part p = part(layout_.embedding);
    HqqCudaLayerBytes bytes{};
    HqqCudaStatus status{};
    check(api_.set_embedding(model_, &p.linear, tied ? 1 : 0, &bytes, &status), status);
    p.info.name = layout_.head.module;
    p.info.weight_bytes = bytes.weights;
    release(p.info, layout_.embedding.module);
    return std::move(p.info);
  }

  Part part(const LinearSpec& spec) {
    check_cancelled(reporter_);
    Part p;
    p.info.name = spec.module;
    p.info.shape = {spec.out, spec.in};
    HqqCudaLinear& l = p.linear;
    l.rows = l.stored_rows = spec.out;
    l.cols = spec.in;
    if (spec.bias) {
      p.bias = vector(spec.module + ".bias", spec.out);
      l.bias = p.bias.as<float>();
    }
    if (!source_.is_quantized(spec.module)) {
      p.stored = stored(spec.module + ".weight", p.info.shape);
      p.info.dtype = p.stored.view.dtype;
      l.weight = {p.stored.view.data, p.stored.view.numel(), static_cast<int32_t>(p.info.dtype), 0};
      return p;
    }
    p.quantized = source_.quantized(spec.module);
    const QuantizedTensor& q = p.quantized;
    require(q.shape == p.info.shape, ErrorCode::bad_file,
            spec.module + " holds a weight of shape " + to_string(q.shape) + ", config.json asks for " +
                to_string(p.info.shape));
    info_.parameters += spec.out * spec.in;
    p.info.quantized = true;
    p.info.quant = q.config;
    p.info.dtype = q.scale.dtype;
    l.packed = q.packed.data();
    l.packed_bytes = q.packed.bytes();
    l.view_rows = q.rows;
    l.view_cols = q.cols;
    l.packing = static_cast<int32_t>(q.packing);
    l.nbits = q.config.nbits;
    l.axis = q.config.axis;
    l.scale = meta(q.scale, p.scale);
    l.zero = meta(q.zero, p.zero);
    return p;
  }

  /// Float values as they are; quantized ones are reconstructed into `values`.
  static HqqCudaArray meta(const MetaTensor& from, Buffer& values) {
    const int64_t count = meta_count(from);
    if (!from.quantized) return {from.values.data(), count, static_cast<int32_t>(from.dtype), 0};
    values = Buffer(count * 4, MemoryUse::scratch);
    meta_to_f32(from, values.as<float>());
    return {values.data(), count, static_cast<int32_t>(DType::f32), 0};
  }

  void linears(int64_t layer, int32_t role, std::span<const LinearSpec> specs) {
    std::vector<Part> parts;
    for (const LinearSpec& spec : specs) parts.push_back(part(spec));
    std::vector<HqqCudaLinear> linear;
    for (const Part& p : parts) linear.push_back(p.linear);
    // One matrix that holds gate and up is handed over as its two halves.
    const bool halves = role == HQQ_CUDA_GATE_UP && linear.size() == 1;
    if (halves) {
      linear[0].rows /= 2;
      linear.push_back(linear[0]);
      linear[1].first_row = linear[0].rows;
      if (linear[0].bias) linear[1].bias = linear[0].bias + linear[0].rows;
    }
    std::vector<HqqCudaLayerBytes> bytes(linear.size());
    HqqCudaStatus status{};
    check(
        api_.set_linear(model_, layer, role, linear.data(), static_cast<int32_t>(linear.size()), bytes.data(), &status),
        status);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].info.weight_bytes = bytes[i].weights + (halves ? bytes[1].weights : 0);
      parts[i].info.metadata_bytes = bytes[i].metadata + (halves ? bytes[1].metadata : 0);
      release(parts[i].info, specs[i].module);
      info_.layers.push_back(std::move(parts[i].info));
    }
  }

  void release(const LayerInfo& info, const std::string& module) {
    if (info.quantized) source_.release(module);
    reporter_.progress("{\"phase\":\"load\",\"done\":" + std::to_string(++done_) +
                       ",\"total\":" + std::to_string(total_) + "}");
  }

  const HqqCudaModelApi& api_;
  HqqCudaModel* model_;
  const ModelConfig& config_;
  const ModelLayout layout_;
  WeightSource& source_;
  Reporter& reporter_;
  ExecutorInfo info_;
  int64_t done_ = 0, total_ = 0;
};

/// Throws EngineError{unsupported} for what the device kernels do not do.
void check_supported(const ModelConfig& c, int64_t context) {
  const auto has = [](bool ok, const std::string& what) {
    require(ok, ErrorCode::unsupported, "models with " + what + " do not run on a GPU yet; choose the CPU");
  };
  has(c.norm == NormKind::rms, "layer norms");
  has(!c.parallel, "parallel attention and MLP");
  has(c.gated_mlp && c.activation == Activation::silu, "this kind of MLP");
  has(c.qk_norm == QkNorm::none, "normalized queries and keys");
  has(c.moe.num_experts == 0, "experts");
  has(c.embedding_scale == 1.0 && c.attention_softcap == 0.0 && c.logit_softcap == 0.0, "scaled or capped values");
  has(std::fabs(c.attention_scale * std::sqrt(static_cast<double>(c.head_dim)) - 1.0) < 1e-6, "this attention scale");
  for (const LayerConfig& layer : c.layers) {
    has(layer.rope == RopeUse::main, "layers of different rotation");
    has(layer.window == 0 || layer.window >= context, "a sliding window of " + std::to_string(layer.window) +
                                                          " tokens in a longer context of " + std::to_string(context));
  }
}

class CudaDecodeLoop final : public DecodeLoop {
 public:
  CudaDecodeLoop(const HqqCudaModelApi& api, HqqCudaModel* model) : api_(api), model_(model) {}
  ~CudaDecodeLoop() override {
    HqqCudaStatus status{};
    // A device that is lost says so again at the next call.
    api_.decode_stop(model_, &status);
  }
  int32_t next() override {
    int32_t id = 0;
    HqqCudaStatus status{};
    check(api_.decode_next(model_, &id, &status), status);
    return id;
  }

 private:
  const HqqCudaModelApi& api_;
  HqqCudaModel* model_;
};

class CudaExecutor final : public Executor {
 public:
  CudaExecutor(const HqqCudaModelApi& api, const ModelConfig& config, int64_t capacity, ModelHandle model,
               ExecutorInfo info)
      : api_(api), config_(config), capacity_(capacity), model_(std::move(model)), info_(std::move(info)) {
    HqqCudaModelInfo held{};
    HqqCudaStatus status{};
    check(api_.info(model_.get(), &held, &status), status);
    info_.weight_bytes = held.weights;
    info_.metadata_bytes = held.metadata;
    info_.kv_cache_bytes = held.kv_cache;
    info_.scratch_bytes = held.scratch;
    info_.bytes_per_token = held.bytes_per_token;
    info_.on_host = false;
    max_batch_ = held.max_batch_tokens;
    rotate(0, capacity_, 0);
  }

  int64_t capacity() const override { return capacity_; }
  int64_t max_batch_tokens() const override { return max_batch_; }
  ExecutorInfo info() const override { return info_; }

  void forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options,
               const Reporter& reporter) override {
    check_cancelled(reporter);
    const auto count = static_cast<int64_t>(ids.size());
    last_end_ = start + count;
    if (stretched(options.rope_length)) {
      rotate(start, count, options.rope_length);
      rows_stretched_ = true;
    } else if (rows_stretched_) {
      rotate(0, capacity_, 0);
      rows_stretched_ = false;
    }
    HqqCudaStatus status{};
    check(api_.forward(model_.get(), ids.data(), count, start, &status), status);
  }

  void logits(int64_t first, int64_t count, const ForwardOptions&, float* out, const Reporter& reporter) override {
    check_cancelled(reporter);
    HqqCudaStatus status{};
    check(api_.logits(model_.get(), first, count, out, &status), status);
  }

  double loss(int64_t first, std::span<const int32_t> targets, const ForwardOptions&,
              const Reporter& reporter) override {
    check_cancelled(reporter);
    double sum = 0;
    HqqCudaStatus status{};
    check(api_.loss(model_.get(), first, targets.data(), static_cast<int64_t>(targets.size()), &sum, &status), status);
    return sum;
  }

  std::unique_ptr<DecodeLoop> start_decode(const DecodeRequest& request) override {
    // Sampling draws on the host; angles that depend on the length are made there too.
    if (request.sampling.temperature != 0.0 || stretched(last_end_ + request.max_new_tokens) || rows_stretched_)
      return nullptr;
    const HqqCudaDecode options{.last_row = request.last_row,
                                .position = last_end_,
                                .prompt = request.prompt.data(),
                                .prompt_tokens = static_cast<int64_t>(request.prompt.size()),
                                .max_new_tokens = request.max_new_tokens,
                                .repetition_penalty = request.sampling.repetition_penalty};
    HqqCudaStatus status{};
    check(api_.decode_start(model_.get(), &options, &status), status);
    return std::make_unique<CudaDecodeLoop>(api_, model_.get());
  }

 private:
  /// Whether angles are not those of the table that was made at load.
  bool stretched(int64_t length) const {
    return config_.rope.depends_on_length() && length > config_.rope.original_max_position;
  }

  void rotate(int64_t start, int64_t count, int64_t length) {
    RopeTable table;
    fill_rope_table(rope_frequencies(config_.rope, length), config_.rope.attention_factor, start, count, table);
    HqqCudaStatus status{};
    check(api_.set_rotary(model_.get(), start, count, table.cos.data(), table.sin.data(), &status), status);
  }

  const HqqCudaModelApi& api_;
  const ModelConfig config_;
  const int64_t capacity_;
  ModelHandle model_;
  ExecutorInfo info_;
  int64_t max_batch_ = 0, last_end_ = 0;
  bool rows_stretched_ = false;  // some rows of the table belong to a longer sequence
};

}  // namespace

std::unique_ptr<Executor> make_cuda_executor(const HqqCudaModelApi& api, int32_t ordinal, int64_t memory_limit,
                                             const ModelConfig& config, WeightSource& source,
                                             const LoadOptions& options, Reporter& reporter) {
  check_supported(config, options.context_length);
  const HqqCudaModelShape shape{.vocab = config.vocab_size,
                                .hidden = config.hidden_size,
                                .mlp = config.intermediate_size,
                                .layers = config.num_layers,
                                .heads = config.num_heads,
                                .kv_heads = config.num_kv_heads,
                                .head_dim = config.head_dim,
                                .half_rotary = config.rope.rotary_dim / 2,
                                .context = options.context_length,
                                .memory_limit = memory_limit,
                                .norm_epsilon = config.norm_eps,
                                .compute = static_cast<int32_t>(options.compute_dtype),
                                .reserved = 0};
  HqqCudaModel* created = nullptr;
  HqqCudaStatus status{};
  check(api.create(ordinal, &shape, &created, &status), status);
  ModelHandle model(created, ModelDeleter{&api});
  ExecutorInfo info = Loader(api, created, config, source, reporter).load();
  return std::make_unique<CudaExecutor>(api, config, options.context_length, std::move(model), std::move(info));
}

}  // namespace hqq
