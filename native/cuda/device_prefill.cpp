// Many tokens at once: weights become 16-bit piece by piece and meet the activations in a matrix product. Below a few
// dozen tokens the vector kernels, which read the packed weights once for eight tokens, are faster.
#include <algorithm>

#include "cuda/device_model.h"
#include "cuda/flash.cuh"
#include "cuda/gemm.cuh"
#include "cuda/repack.cuh"
#include "cuda/rows.cuh"

namespace hqq::cuda {
namespace {

/// From this many tokens on: 16 passes of the vector kernels cost what one expansion of all weights does.
constexpr int kWideTokens = 33;
/// 16-bit weights at a time.
constexpr int64_t kPieceBytes = int64_t{192} << 20;

}  // namespace

int64_t DeviceModel::wide_bytes() const {
  if (compute_ == DType::f32) return 0;
  int64_t most = 0;
  const auto look = [&](const Matrix& m) {
    const int64_t row_tile = int64_t{kTileRows} * m.view.cols * 2;
    most = std::max(most, std::min<int64_t>(m.view.row_tiles, std::max<int64_t>(1, kPieceBytes / row_tile)) * row_tile);
  };
  for (const Layer& l : layers_)
    for (const Projection* p : {&l.qkv, &l.output, &l.gate_up, &l.down})
      for (const Matrix& m : p->matrices) look(m);
  for (const Matrix& m : head_.matrices) look(m);
  look(embedding_);
  return most;
}

bool DeviceModel::is_wide(int64_t tokens) const {
  const HqqCudaModelShape& s = shape_;
  const bool whole_pieces = s.hidden % 8 == 0 && s.mlp % 8 == 0 && s.heads * s.head_dim % 8 == 0;
  return compute_ != DType::f32 && whole_pieces && tokens >= kWideTokens;
}

void DeviceModel::multiply_wide(const Matrix& m, const void* x, int64_t tokens, void* out, int64_t out_stride,
                                GemmOutput mode) {
  const int64_t row_tile = int64_t{kTileRows} * m.view.cols * 2;
  const int step = static_cast<int>(std::max<int64_t>(1, wide_.bytes() / row_tile));
  const bool gated = mode == GemmOutput::silu;
  for (int first = 0; first < m.view.row_tiles; first += step) {
    const int count = std::min(step, m.view.row_tiles - first);
    expand(m.view, first, count, wide_.data(), compute_ == DType::bf16, target_);
    const int64_t out_first = int64_t{first} * (gated ? kTileRows / 2 : kTileRows);
    GemmArgs args;
    args.x = x;
    args.w = wide_.data();
    args.tokens = tokens;
    args.rows = std::min<int64_t>(int64_t{count} * kTileRows, m.view.rows - int64_t{first} * kTileRows);
    args.cols = m.view.cols;
    args.bf16 = compute_ == DType::bf16;
    args.bias = m.bias.bytes() > 0 ? m.bias.as<float>() + int64_t{first} * kTileRows : nullptr;
    args.out = static_cast<std::byte*>(out) + (m.out_offset + out_first) * (gated ? 2 : 4);
    args.out_stride = out_stride;
    args.out_rows = m.out_rows - out_first;
    args.mode = mode;
    gemm(args, target_);
  }
}

void DeviceModel::enqueue_wide(const int* ids, int tokens, int64_t start) {
  const HqqCudaModelShape& s = shape_;
  const bool bf16 = compute_ == DType::bf16;
  const int hidden = static_cast<int>(s.hidden);
  const int64_t q_size = s.heads * s.head_dim, qkv = q_size + 2 * s.kv_heads * s.head_dim;
  const auto normed = [&](const DeviceBuffer& weight) {
    rms_norm(hidden_.as<float>(), weight.as<float>(), static_cast<float>(s.norm_epsilon), tokens, hidden, x_.data(),
             bf16, target_);
    return x_.data();
  };
  /// What a kernel left in act_ as float32 or float16, as the product takes it.
  const auto from_act = [&](int64_t width) {
    if (!bf16) return act_.data();
    narrow(act_.as<float>(), tokens * width, x_.data(), true, target_);
    return x_.data();
  };
  embed(embedding_.view, ids, tokens, hidden_.as<float>(), target_);
  for (int i = 0; i < static_cast<int>(s.layers); ++i) {
    const Layer& l = layers_[static_cast<size_t>(i)];
    const std::byte* x = normed(l.norms[0]);
    for (const Matrix& m : l.qkv.matrices) multiply_wide(m, x, tokens, qkv_.data(), qkv, GemmOutput::store);
    enqueue_attention(i, tokens, start, nullptr);
    multiply_wide(l.output.matrices.front(), from_act(q_size), tokens, hidden_.data(), hidden, GemmOutput::add);
    x = normed(l.norms[1]);
    if (l.gate_up.gated) {
      multiply_wide(l.gate_up.matrices.front(), x, tokens, act_.data(), s.mlp, GemmOutput::silu);
      x = act_.data();
    } else {
      Matrix const* const parts = l.gate_up.matrices.data();
      multiply_wide(parts[0], x, tokens, gate_.data(), s.mlp, GemmOutput::store);
      multiply_wide(parts[1], x, tokens, up_.data() - parts[1].out_offset * 4, s.mlp, GemmOutput::store);
      gate(gate_.as<float>(), up_.as<float>(), tokens * s.mlp, act_.data(), bf16, target_);
      x = from_act(s.mlp);
    }
    multiply_wide(l.down.matrices.front(), x, tokens, hidden_.data(), hidden, GemmOutput::add);
  }
}

}  // namespace hqq::cuda
