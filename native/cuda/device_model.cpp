#include "cuda/device_model.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "cuda/flash.cuh"
#include "cuda/rows.cuh"

namespace hqq::cuda {
namespace {

/// Tokens of a forward call, and rows of logits: more where matrix products pay for the scratch.
constexpr int64_t kBatchTokens = 256, kWideBatchTokens = 2048;
constexpr int64_t kLogitRows = 32, kWideLogitRows = 256;

int64_t cache_dim(const HqqCudaModelShape& s) { return (s.head_dim + 7) / 8 * 8; }

Target target_of(int ordinal, const Stream& stream) {
  cudaDeviceProp properties{};
  HQQ_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal));
  return {.stream = stream.get(),
          .multiprocessors = properties.multiProcessorCount,
          .shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin),
          .early_start = properties.major >= 9,
          .hopper = properties.major == 9 && properties.minor == 0};
}

void check_shape(const HqqCudaModelShape& s) {
  const bool sizes = s.vocab > 0 && s.hidden > 0 && s.mlp > 0 && s.layers > 0 && s.heads > 0 && s.kv_heads > 0 &&
                     s.head_dim > 0 && s.context > 0 && s.half_rotary > 0 && 2 * s.half_rotary <= s.head_dim;
  require(sizes && s.heads % s.kv_heads == 0, ErrorCode::internal, "model: bad shape");
  require(s.head_dim <= 1024, ErrorCode::unsupported, "heads of more than 1024 values are not supported on a GPU");
}

}  // namespace

DeviceModel::DeviceModel(int ordinal, const HqqCudaModelShape& shape)
    : shape_(shape),
      compute_(static_cast<DType>(shape.compute)),
      ordinal_(ordinal),
      account_(ordinal, shape.memory_limit) {
  check_shape(shape);
  const DeviceScope scope(ordinal);
  stream_ = Stream::create();
  target_ = target_of(ordinal, stream_);
  staging_ = std::make_unique<WeightStaging>(stream_.get(), account_);
  layers_.resize(static_cast<size_t>(shape.layers));
}

DeviceModel::~DeviceModel() {
  if (stream_) cudaStreamSynchronize(stream_.get());
}

DeviceModel::Layer& DeviceModel::layer(int64_t index) {
  require(index >= 0 && index < shape_.layers, ErrorCode::internal, "model: no such layer");
  return layers_[static_cast<size_t>(index)];
}

Projection& DeviceModel::projection(int64_t index, int role) {
  if (role == HQQ_CUDA_HEAD) return head_;
  Layer& l = layer(index);
  switch (role) {
    case HQQ_CUDA_QKV: return l.qkv;
    case HQQ_CUDA_OUTPUT: return l.output;
    case HQQ_CUDA_GATE_UP: return l.gate_up;
    case HQQ_CUDA_DOWN: return l.down;
    default: throw EngineError(ErrorCode::internal, "model: no such role");
  }
}

DeviceBuffer DeviceModel::upload_floats(const float* values, int64_t count) {
  DeviceBuffer buffer(count * 4, MemoryUse::weights, account_);
  staging_->copy(values, count * 4, buffer.data());
  return buffer;
}

HqqCudaLayerBytes DeviceModel::set_embedding(const HqqCudaLinear& table, bool tied) {
  const DeviceScope scope(ordinal_);
  HqqCudaLayerBytes bytes{};
  const MatrixBuild build{
      .compute = compute_, .dense = true, .account = account_, .target = target_, .staging = *staging_};
  Projection p = build_projection({&table, 1}, build, {&bytes, 1});
  embedding_ = std::move(p.matrices.front());
  tied_ = tied;
  return bytes;
}

void DeviceModel::set_norm(int64_t index, int which, const float* weight) {
  const DeviceScope scope(ordinal_);
  DeviceBuffer values = upload_floats(weight, shape_.hidden);
  if (index < 0) final_norm_ = std::move(values);
  else layer(index).norms[which == 0 ? 0 : 1] = std::move(values);
}

void DeviceModel::set_linear(int64_t index, int role, std::span<const HqqCudaLinear> parts,
                             std::span<HqqCudaLayerBytes> bytes) {
  const DeviceScope scope(ordinal_);
  const MatrixBuild build{.compute = compute_,
                          .gate_up = role == HQQ_CUDA_GATE_UP,
                          .account = account_,
                          .target = target_,
                          .staging = *staging_};
  projection(index, role) = build_projection(parts, build, bytes);
}

void DeviceModel::reserve() {
  const HqqCudaModelShape& s = shape_;
  const auto scratch = [&](int64_t bytes) { return DeviceBuffer(bytes, MemoryUse::scratch, account_); };
  const int64_t q_size = s.heads * s.head_dim, qkv = (s.heads + 2 * s.kv_heads) * s.head_dim;
  const bool wide = is_wide(s.context);
  batch_ = std::min(wide ? kWideBatchTokens : kBatchTokens, s.context);
  logit_rows_ = std::min(wide ? kWideLogitRows : kLogitRows, batch_);
  hidden_ = scratch(batch_ * s.hidden * 4);
  qkv_ = scratch(batch_ * qkv * 4);
  act_ = scratch(batch_ * std::max(q_size, s.mlp) * (split() ? 4 : 2));
  if (wide) {
    x_ = scratch(batch_ * std::max({s.hidden, q_size, s.mlp}) * 2);
    wide_ = scratch(wide_bytes());
  }
  const bool gated = std::all_of(layers_.begin(), layers_.end(), [](const Layer& l) { return l.gate_up.gated; });
  if (!gated) {
    gate_ = scratch(batch_ * s.mlp * 4);
    up_ = scratch(batch_ * s.mlp * 4);
  }
  logits_ = scratch(logit_rows_ * s.vocab * 4);
  losses_ = scratch(logit_rows_ * 4);
  ids_ = scratch(batch_ * 4);
  const int heads = static_cast<int>(s.heads), kv_heads = static_cast<int>(s.kv_heads);
  partial_ = scratch(attention_scratch_bytes(heads, kv_heads, static_cast<int>(s.head_dim), target_));
  arrivals_ = scratch(attention_counters(heads, kv_heads) * 4);
  HQQ_CUDA_CHECK(cudaMemsetAsync(arrivals_.data(), 0, static_cast<size_t>(arrivals_.bytes()), stream_.get()));
  seen_ = scratch(s.vocab);
  state_ = scratch(sizeof(DecodeState));
  host_ = PinnedBuffer(std::max({batch_ * 4, logit_rows_ * s.vocab * 4, s.vocab}));
  chosen_ = PinnedBuffer(kChosenSlots * 8);
}

void DeviceModel::finish() {
  const DeviceScope scope(ordinal_);
  require(!finished_ && final_norm_.bytes() > 0 && embedding_.quants.bytes() > 0, ErrorCode::internal,
          "model: incomplete");
  stream_.synchronize();
  staging_.reset();
  reserve();
  const int64_t row = shape_.layers * 2 * shape_.kv_heads * cache_dim(shape_) * cache_bytes_per_value();
  const int64_t per_token = row + 2 * shape_.half_rotary * 4;
  size_t free = 0, total = 0;
  HQQ_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  int64_t room = static_cast<int64_t>(free);
  if (account_.limit() > 0) room = std::min(room, account_.limit() - account_.live_total());
  if (per_token * shape_.context > room) {
    throw EngineError(ErrorCode::out_of_memory,
                      "a context of " + std::to_string(shape_.context) + " tokens needs " +
                          std::to_string(per_token * shape_.context >> 20) + " MiB for the KV cache, but the GPU has " +
                          std::to_string(room >> 20) + " MiB left; a context of at most " +
                          std::to_string(std::max<int64_t>(0, room - (int64_t{64} << 20)) / per_token) +
                          " tokens would fit");
  }
  cache_ = DeviceBuffer(row * shape_.context, MemoryUse::kv_cache, account_);
  cos_ = DeviceBuffer(shape_.context * shape_.half_rotary * 4, MemoryUse::scratch, account_);
  sin_ = DeviceBuffer(shape_.context * shape_.half_rotary * 4, MemoryUse::scratch, account_);
  stream_.synchronize();
  finished_ = true;
}

HqqCudaModelInfo DeviceModel::info() const {
  HqqCudaModelInfo info{};
  info.weights = account_.live(MemoryUse::weights);
  info.metadata = account_.live(MemoryUse::metadata);
  info.kv_cache = account_.live(MemoryUse::kv_cache);
  info.scratch = account_.live(MemoryUse::scratch);
  info.max_batch_tokens = batch_;
  const auto add = [&](const Projection& p) {
    for (const Matrix& m : p.matrices) info.bytes_per_token += m.bytes();
  };
  for (const Layer& l : layers_) {
    for (const Projection* p : {&l.qkv, &l.output, &l.gate_up, &l.down}) add(*p);
  }
  if (tied_) info.bytes_per_token += embedding_.bytes();
  else add(head_);
  return info;
}

void DeviceModel::set_rotary(int64_t start, int64_t count, const float* cos, const float* sin) {
  const DeviceScope scope(ordinal_);
  require(start >= 0 && count > 0 && start + count <= shape_.context, ErrorCode::internal, "set_rotary: bad range");
  const int64_t bytes = count * shape_.half_rotary * 4, at = start * shape_.half_rotary;
  HQQ_CUDA_CHECK(
      cudaMemcpyAsync(cos_.as<float>() + at, cos, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_.get()));
  HQQ_CUDA_CHECK(
      cudaMemcpyAsync(sin_.as<float>() + at, sin, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_.get()));
  stream_.synchronize();
}

GemvArgs DeviceModel::input(const void* x, int64_t stride, bool is_half, const DeviceBuffer* norm, int tokens) const {
  GemvArgs args;
  args.in.x = x;
  args.in.stride = stride;
  args.in.is_half = is_half;
  args.in.norm = norm ? norm->as<float>() : nullptr;
  args.in.epsilon = static_cast<float>(shape_.norm_epsilon);
  args.in.tokens = tokens;
  args.in.split = split();
  return args;
}

void DeviceModel::multiply(const Projection& p, GemvArgs args, void* out, int64_t out_stride, GemvOutput mode) {
  args.out_stride = out_stride;
  args.mode = mode;
  const int64_t size = mode == GemvOutput::silu_half ? 2 : 4;
  for (const Matrix& m : p.matrices) {
    args.w = m.view;
    args.bias = m.bias.bytes() > 0 ? m.bias.as<float>() : nullptr;
    args.out = static_cast<std::byte*>(out) + m.out_offset * size;
    args.out_rows = m.out_rows;
    gemv(args, target_);
  }
}

void DeviceModel::enqueue_attention(int index, int tokens, int64_t start, const int* position) {
  const HqqCudaModelShape& s = shape_;
  const int64_t plane = s.kv_heads * s.context * cache_dim(s) * cache_bytes_per_value();
  AttentionArgs a;
  a.qkv = qkv_.as<float>();
  a.qkv_stride = (s.heads + 2 * s.kv_heads) * s.head_dim;
  a.cos = cos_.as<float>();
  a.sin = sin_.as<float>();
  a.half_rotary = static_cast<int>(s.half_rotary);
  a.heads = static_cast<int>(s.heads);
  a.kv_heads = static_cast<int>(s.kv_heads);
  a.head_dim = static_cast<int>(s.head_dim);
  a.cache = {cache_.data() + 2 * index * plane, cache_.data() + (2 * index + 1) * plane, s.context,
             static_cast<int>(cache_dim(s)), compute_ == DType::f32};
  a.position = position;
  a.start = static_cast<int>(start);
  a.tokens = tokens;
  a.out = act_.data();
  a.out_float = split();
  a.partial = partial_.as<float>();
  a.arrivals = arrivals_.as<int>();
  if (tokens == 1) return attend_one(a, target_);
  rotate_and_store(a, target_);
  if (can_flash(a)) flash(a, target_);
  else attend_many(a, target_);
}

void DeviceModel::enqueue_forward(const int* ids, int tokens, int64_t start, const int* position) {
  const HqqCudaModelShape& s = shape_;
  const int64_t q_size = s.heads * s.head_dim, qkv = q_size + 2 * s.kv_heads * s.head_dim;
  const bool half_act = !split();
  embed(embedding_.view, ids, tokens, hidden_.as<float>(), target_);
  for (int i = 0; i < static_cast<int>(s.layers); ++i) {
    const Layer& l = layers_[static_cast<size_t>(i)];
    multiply(l.qkv, input(hidden_.data(), s.hidden, false, &l.norms[0], tokens), qkv_.data(), qkv, GemvOutput::store);
    enqueue_attention(i, tokens, start, position);
    multiply(l.output, input(act_.data(), q_size, half_act, nullptr, tokens), hidden_.data(), s.hidden,
             GemvOutput::add);
    const GemvArgs normed = input(hidden_.data(), s.hidden, false, &l.norms[1], tokens);
    if (l.gate_up.gated) {
      multiply(l.gate_up, normed, act_.data(), s.mlp, half_act ? GemvOutput::silu_half : GemvOutput::silu_float);
    } else {
      // Results of the two parts: [gate of all tokens][up of all tokens].
      Projection& parts = layers_[static_cast<size_t>(i)].gate_up;
      for (size_t part = 0; part < parts.matrices.size(); ++part) {
        GemvArgs args = normed;
        const Matrix& m = parts.matrices[part];
        args.w = m.view;
        args.bias = m.bias.bytes() > 0 ? m.bias.as<float>() : nullptr;
        args.out = part == 0 ? gate_.data() : up_.data();
        args.out_stride = s.mlp;
        args.out_rows = m.out_rows;
        gemv(args, target_);
      }
      gate(gate_.as<float>(), up_.as<float>(), tokens * s.mlp, act_.data(), !half_act, target_);
    }
    multiply(l.down, input(act_.data(), s.mlp, half_act, nullptr, tokens), hidden_.data(), s.hidden, GemvOutput::add);
  }
}

void DeviceModel::enqueue_head(int64_t first, int count) {
  if (is_wide(count)) {
    rms_norm(hidden_.as<float>() + first * shape_.hidden, final_norm_.as<float>(),
             static_cast<float>(shape_.norm_epsilon), count, static_cast<int>(shape_.hidden), x_.data(),
             compute_ == DType::bf16, target_);
    if (tied_) return multiply_wide(embedding_, x_.data(), count, logits_.data(), shape_.vocab, GemmOutput::store);
    return multiply_wide(head_.matrices.front(), x_.data(), count, logits_.data(), shape_.vocab, GemmOutput::store);
  }
  GemvArgs args = input(hidden_.as<float>() + first * shape_.hidden, shape_.hidden, false, &final_norm_, count);
  if (!tied_) return multiply(head_, args, logits_.data(), shape_.vocab, GemvOutput::store);
  args.w = embedding_.view;
  args.out = logits_.data();
  args.out_stride = shape_.vocab;
  args.out_rows = embedding_.out_rows;
  gemv(args, target_);
}

void DeviceModel::forward(std::span<const int32_t> ids, int64_t start) {
  const DeviceScope scope(ordinal_);
  const auto count = static_cast<int64_t>(ids.size());
  require(finished_ && !decoding_ && count >= 1 && count <= batch_ && start >= 0 && start + count <= shape_.context,
          ErrorCode::internal, "forward: bad batch");
  std::memcpy(host_.data(), ids.data(), ids.size_bytes());
  HQQ_CUDA_CHECK(cudaMemcpyAsync(ids_.data(), host_.data(), ids.size_bytes(), cudaMemcpyHostToDevice, stream_.get()));
  if (is_wide(count)) enqueue_wide(ids_.as<int>(), static_cast<int>(count), start);
  else enqueue_forward(ids_.as<int>(), static_cast<int>(count), start, nullptr);
  stream_.synchronize();
  last_tokens_ = count;
}

void DeviceModel::logits(int64_t first, int64_t count, float* out) {
  const DeviceScope scope(ordinal_);
  require(finished_ && first >= 0 && count >= 1 && first + count <= last_tokens_, ErrorCode::internal,
          "logits: bad rows");
  for (int64_t at = 0; at < count; at += logit_rows_) {
    const int64_t rows = std::min(logit_rows_, count - at), values = rows * shape_.vocab;
    enqueue_head(first + at, static_cast<int>(rows));
    HQQ_CUDA_CHECK(cudaMemcpyAsync(host_.data(), logits_.data(), static_cast<size_t>(values * 4),
                                   cudaMemcpyDeviceToHost, stream_.get()));
    stream_.synchronize();
    std::memcpy(out + at * shape_.vocab, host_.data(), static_cast<size_t>(values * 4));
  }
}

double DeviceModel::loss(int64_t first, std::span<const int32_t> targets) {
  const DeviceScope scope(ordinal_);
  const auto count = static_cast<int64_t>(targets.size());
  require(finished_ && first >= 0 && count >= 1 && first + count <= last_tokens_, ErrorCode::internal,
          "loss: bad rows");
  double total = 0;
  for (int64_t at = 0; at < count; at += logit_rows_) {
    const int64_t rows = std::min(logit_rows_, count - at);
    std::memcpy(host_.data(), targets.data() + at, static_cast<size_t>(rows * 4));
    HQQ_CUDA_CHECK(cudaMemcpyAsync(ids_.data(), host_.data(), static_cast<size_t>(rows * 4), cudaMemcpyHostToDevice,
                                   stream_.get()));
    enqueue_head(first + at, static_cast<int>(rows));
    row_losses(logits_.as<float>(), static_cast<int>(rows), static_cast<int>(shape_.vocab), ids_.as<int>(),
               losses_.as<float>(), target_);
    HQQ_CUDA_CHECK(cudaMemcpyAsync(host_.data(), losses_.data(), static_cast<size_t>(rows * 4), cudaMemcpyDeviceToHost,
                                   stream_.get()));
    stream_.synchronize();
    for (int64_t r = 0; r < rows; ++r) total += host_.as<float>()[r];
  }
  return total;
}

}  // namespace hqq::cuda
