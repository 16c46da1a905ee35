#include "quant/meta.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "quant/solver.h"

namespace hqq {
namespace {

constexpr float kMaxMetaValue = 255.0f;

void cast_values(MetaTensor& meta, DType dtype) {
  if (meta.quantized || meta.dtype == dtype) return;
  const int64_t count = meta_count(meta);
  const Buffer wide(count * 4, MemoryUse::scratch);
  meta_to_f32(meta, wide.as<float>());
  Buffer values(count * size_of(dtype), MemoryUse::metadata);
  from_f32(wide.as<float>(), dtype, values.data(), count);
  meta.values = std::move(values);
  meta.dtype = dtype;
}

}  // namespace

int64_t meta_count(const MetaTensor& meta) { return numel(meta.shape); }

MetaTensor float_meta(Shape shape) {
  MetaTensor meta;
  meta.shape = std::move(shape);
  meta.values = Buffer(meta_count(meta) * 4, MemoryUse::metadata);
  return meta;
}

void quantize_meta(MetaTensor& meta, int64_t group_size) {
  const int64_t count = meta_count(meta);
  require(!meta.quantized && meta.dtype == DType::f32, ErrorCode::internal, "only float32 metadata can be quantized");
  require(group_size == 0 || count % group_size == 0, ErrorCode::bad_input,
          "metadata groups do not divide the number of values");
  const int64_t groups = group_size == 0 ? 1 : count / group_size;
  meta.q = Buffer(count, MemoryUse::metadata);
  meta.q_scale = Buffer(groups * 4, MemoryUse::metadata);
  meta.q_zero = Buffer(groups * 4, MemoryUse::metadata);
  meta.q_shape = group_size == 0 ? meta.shape : Shape{group_size, groups};
  meta.q_meta_shape = group_size == 0 ? Shape{} : Shape{1, groups};

  const float* values = meta.values.as<float>();
  uint8_t* q = meta.q.as<uint8_t>();
  for (int64_t group = 0; group < groups; ++group) {
    float low = values[group], high = low;
    for (int64_t i = group; i < count; i += groups) {
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    float inverse_scale, zero;
    initial_affine(low, high, SolveParams{kMaxMetaValue, false, 0}, &inverse_scale, &zero);
    for (int64_t i = group; i < count; i += groups) {
      const float rounded = std::nearbyint(values[i] * inverse_scale + zero);
      q[i] = static_cast<uint8_t>(std::clamp(rounded, 0.0f, kMaxMetaValue));
    }
    meta.q_scale.as<float>()[group] = 1.0f / inverse_scale;
    meta.q_zero.as<float>()[group] = zero;
  }
  meta.values = Buffer();
  meta.quantized = true;
}

void meta_to_f32(const MetaTensor& meta, float* out) {
  const int64_t count = meta_count(meta);
  if (!meta.quantized) return to_f32(meta.values.data(), meta.dtype, out, count);
  const int64_t groups = numel(meta.q_meta_shape);
  const uint8_t* q = meta.q.as<uint8_t>();
  const float *scale = meta.q_scale.as<float>(), *zero = meta.q_zero.as<float>();
  for (int64_t i = 0; i < count; ++i) out[i] = (static_cast<float>(q[i]) - zero[i % groups]) * scale[i % groups];
}

void cast_meta(QuantizedTensor& tensor, DType dtype) {
  cast_values(tensor.scale, dtype);
  cast_values(tensor.zero, dtype);
}

}  // namespace hqq
