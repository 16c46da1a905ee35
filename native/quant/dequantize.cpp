#include "quant/dequantize.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "quant/bitpack.h"
#include "quant/meta.h"
#include "quant/solver.h"

namespace hqq {
namespace {

constexpr int64_t kChunkElements = 1 << 15;

/// Scale or zero in float32, rounded to the compute dtype when that is narrower.
Buffer meta_values(const MetaTensor& meta, DType compute) {
  const int64_t count = meta_count(meta);
  Buffer values(count * 4, MemoryUse::scratch);
  meta_to_f32(meta, values.as<float>());
  if (compute != DType::f32) {
    const Buffer narrow(count * size_of(compute), MemoryUse::scratch);
    from_f32(values.as<float>(), compute, narrow.data(), count);
    to_f32(narrow.data(), compute, values.as<float>(), count);
  }
  return values;
}

/// One row of the grouped view, or a part of it.
struct Stretch {
  const uint8_t* q;
  int64_t n;
  const float *zero, *scale;
  bool per_element;  // zero and scale vary along the stretch (axis 0)
};

void dequantize_f32(const SolverKernels& kernels, const Stretch& s, float* out) {
  if (s.per_element) {
    kernels.dequantize_lanes(s.q, s.n, s.zero, s.scale, out);
  } else {
    kernels.dequantize_run(s.q, s.n, *s.zero, *s.scale, out);
  }
}

/// Two roundings: `wide` (n floats) holds the exact value, `out` its rounding, each time.
void dequantize_narrow(const Stretch& s, DType compute, float* wide, void* out) {
  for (int64_t i = 0; i < s.n; ++i) wide[i] = static_cast<float>(s.q[i]) - s.zero[s.per_element ? i : 0];
  from_f32(wide, compute, out, s.n);
  to_f32(out, compute, wide, s.n);
  for (int64_t i = 0; i < s.n; ++i) wide[i] *= s.scale[s.per_element ? i : 0];
  from_f32(wide, compute, out, s.n);
}

}  // namespace

void dequantize(const QuantizedTensor& tensor, DType compute, void* out) {
  const int64_t rows = tensor.rows, cols = tensor.cols;
  const Buffer zero = meta_values(tensor.zero, compute), scale = meta_values(tensor.scale, compute);
  const bool per_tensor = meta_count(tensor.scale) == 1, by_column = !per_tensor && tensor.config.axis == 0;
  const SolverKernels& kernels = solver_kernels();
  const int64_t grain = std::max<int64_t>(1, kChunkElements / cols);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    const Buffer q((end - begin) * cols, MemoryUse::scratch);
    const Buffer wide(compute == DType::f32 ? 0 : cols * 4, MemoryUse::scratch);
    unpack_rows(tensor.packed.data(), rows, cols, tensor.packing, begin, end, q.as<uint8_t>());
    for (int64_t row = begin; row < end; ++row) {
      const int64_t meta_at = per_tensor || by_column ? 0 : row;
      const Stretch stretch{q.as<uint8_t>() + (row - begin) * cols, cols, zero.as<float>() + meta_at,
                            scale.as<float>() + meta_at, by_column};
      std::byte* row_out = static_cast<std::byte*>(out) + row * cols * size_of(compute);
      if (compute == DType::f32) {
        dequantize_f32(kernels, stretch, reinterpret_cast<float*>(row_out));
      } else {
        dequantize_narrow(stretch, compute, wide.as<float>(), row_out);
      }
    }
  });
}

void dequantize(const QuantizedTensor& tensor, float* out) { dequantize(tensor, DType::f32, out); }

void unpack(const QuantizedTensor& tensor, uint8_t* q) {
  unpack(tensor.packed.data(), tensor.rows, tensor.cols, tensor.packing, q);
}

}  // namespace hqq
