#include "io/affine_layer.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/thread_pool.h"
#include "quant/bitpack.h"

namespace hqq {
namespace {

constexpr int64_t kTile = 32;

/// Inputs that both sides agree on by counting alone.
bool is_plain(const AffineInfo& info) {
  const int64_t in = info.shape[1];
  if (in % info.groups != 0) return false;
  for (int64_t i = 0; i < in; ++i)
    if (info.group_of[static_cast<size_t>(i)] != i / (in / info.groups)) return false;
  return true;
}

/// 7 bits fit the packing of 8; no narrower one of ours holds them.
int stored_nbits(int nbits) { return nbits == 7 ? 8 : nbits; }

MetaTensor meta_of(const Buffer& values, DType dtype, int64_t count) {
  MetaTensor meta;
  meta.shape = {count, 1};
  meta.dtype = dtype;
  meta.values = Buffer(count * size_of(dtype), MemoryUse::metadata);
  std::memcpy(meta.values.data(), values.data(), static_cast<size_t>(values.bytes()));
  return meta;
}

Buffer widened(const Buffer& zeros, DType dtype, int64_t count) {
  const Buffer wide(count * 4, MemoryUse::scratch);
  std::copy_n(zeros.as<uint8_t>(), count, wide.as<float>());
  Buffer out(count * size_of(dtype), MemoryUse::scratch);
  from_f32(wide.as<float>(), dtype, out.data(), count);
  return out;
}

}  // namespace

QuantConfig AffineInfo::config() const {
  return {.nbits = stored_nbits(nbits), .group_size = group_size(), .axis = 1, .round_zero = true, .optimize = false};
}

void set_groups(AffineInfo& info, const std::vector<int64_t>& groups_of_inputs, const std::string& tensor) {
  require(static_cast<int64_t>(groups_of_inputs.size()) == info.shape[1], ErrorCode::bad_file,
          "tensor \"" + tensor + "\" has " + std::to_string(groups_of_inputs.size()) + " entries for " +
              std::to_string(info.shape[1]) + " inputs");
  info.group_of.resize(groups_of_inputs.size());
  for (size_t i = 0; i < groups_of_inputs.size(); ++i) {
    require(groups_of_inputs[i] >= 0 && groups_of_inputs[i] < info.groups, ErrorCode::bad_file,
            "tensor \"" + tensor + "\" names group " + std::to_string(groups_of_inputs[i]) + " of " +
                std::to_string(info.groups));
    info.group_of[i] = static_cast<int32_t>(groups_of_inputs[i]);
  }
  if (is_plain(info)) info.group_of.clear();
}

void set_group_size(AffineInfo& info, int64_t group_size) {
  if (group_size * info.groups == info.shape[1]) return;
  info.group_of.resize(static_cast<size_t>(info.shape[1]));
  for (int64_t i = 0; i < info.shape[1]; ++i) info.group_of[static_cast<size_t>(i)] = static_cast<int32_t>(i / group_size);
}

AffineLayer::AffineLayer(AffineInfo about)
    : info(std::move(about)),
      q(info.shape[0] * info.shape[1], MemoryUse::scratch),
      scale(info.shape[0] * info.groups * size_of(info.dtype), MemoryUse::scratch),
      zero(info.shape[0] * info.groups, MemoryUse::scratch) {}

QuantizedTensor to_quantized(const AffineLayer& layer) {
  const AffineInfo& info = layer.info;
  QuantizedTensor tensor;
  tensor.config = info.config();
  tensor.shape = info.shape;
  tensor.cols = info.group_size();
  tensor.rows = info.shape[0] * info.groups;
  tensor.packing = packing_for(tensor.config.nbits, PackFormat::dense);
  tensor.packed_shape = packed_shape(tensor.packing, tensor.rows, tensor.cols);
  tensor.packed = Buffer(packed_bytes(tensor.packing, tensor.rows, tensor.cols), MemoryUse::weights);
  pack(layer.q.as<uint8_t>(), tensor.rows, tensor.cols, tensor.packing, tensor.packed.data());
  tensor.scale = meta_of(layer.scale, info.dtype, tensor.rows);
  tensor.zero = meta_of(widened(layer.zero, info.dtype, tensor.rows), info.dtype, tensor.rows);
  return tensor;
}

Buffer to_dense(const AffineLayer& layer) {
  const AffineInfo& info = layer.info;
  const int64_t out = info.shape[0], in = info.shape[1], groups = info.groups, size = size_of(info.dtype);
  Buffer weight(out * in * size, MemoryUse::weights);
  parallel_for(out, 16, [&](int64_t begin, int64_t end) {
    const Buffer scales(groups * 4, MemoryUse::scratch), row(in * 4, MemoryUse::scratch);
    for (int64_t o = begin; o < end; ++o) {
      to_f32(layer.scale.data() + o * groups * size, info.dtype, scales.as<float>(), groups);
      const uint8_t *q = layer.q.as<uint8_t>() + o * in, *zero = layer.zero.as<uint8_t>() + o * groups;
      for (int64_t i = 0; i < in; ++i) {
        const int64_t group = info.regular() ? i / info.group_size() : info.group_of[static_cast<size_t>(i)];
        row.as<float>()[i] = static_cast<float>(q[i] - zero[group]) * scales.as<float>()[group];
      }
      from_f32(row.as<float>(), info.dtype, weight.data() + o * in * size, in);
    }
  });
  return weight;
}

void transpose(const void* src, int64_t rows, int64_t cols, int64_t size, void* dst) {
  const auto* from = static_cast<const std::byte*>(src);
  auto* to = static_cast<std::byte*>(dst);
  for (int64_t row = 0; row < rows; row += kTile)
    for (int64_t col = 0; col < cols; col += kTile)
      for (int64_t r = row; r < std::min(rows, row + kTile); ++r)
        for (int64_t c = col; c < std::min(cols, col + kTile); ++c)
          std::memcpy(to + (c * rows + r) * size, from + (r * cols + c) * size, static_cast<size_t>(size));
}

}  // namespace hqq
