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

/// Two roundings to the compute dtype: of the difference and of the product. `wide` holds n floats.
void dequantize_narrow(const uint8_t* q, int64_t n, const float* zero, const float* scale, int64_t meta_step, DType compute,
                       float* wide, void* out) {
  for (int64_t i = 0; i < n; ++i) wide[i] = static_cast<float>(q[i]) - zero[i * meta_step];
  from_f32(wide, compute, out, n);
  to_f32(out, compute, wide, n);
  for (int64_t i = 0; i < n; ++i) wide[i] *= scale[i * meta_step];
  from_f32(wide, compute, out, n);
}

}  // namespace

void dequantize(const QuantizedTensor& tensor, DType compute, void* out) {
  const int64_t rows = tensor.rows, cols = tensor.cols;
  const Buffer zeros = meta_values(tensor.zero, compute), scales = meta_values(tensor.scale, compute);
  const float *zero = zeros.as<float>(), *scale = scales.as<float>();
  const bool one_group = meta_count(tensor.scale) == 1, by_column = !one_group && tensor.config.axis == 0;
  const SolverKernels& kernels = solver_kernels();
  const int64_t grain = std::max<int64_t>(1, kChunkElements / cols);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    const Buffer values((end - begin) * cols, MemoryUse::scratch);
    const uint8_t* q = values.as<uint8_t>();
    unpack_rows(tensor.packed.data(), rows, cols, tensor.packing, begin, end, values.as<uint8_t>());
    std::byte* bytes = static_cast<std::byte*>(out) + begin * cols * size_of(compute);
    if (compute == DType::f32 && !by_column) {
      float* floats = reinterpret_cast<float*>(bytes);
      if (one_group) return kernels.dequantize_rows(q, 1, (end - begin) * cols, zero, scale, floats);
      return kernels.dequantize_rows(q, end - begin, cols, zero + begin, scale + begin, floats);
    }
    const Buffer wide(compute == DType::f32 ? 0 : cols * 4, MemoryUse::scratch);
    for (int64_t row = begin; row < end; ++row, q += cols, bytes += cols * size_of(compute)) {
      if (compute == DType::f32) {
        kernels.dequantize_lanes(q, cols, zero, scale, reinterpret_cast<float*>(bytes));
      } else {
        const int64_t meta_at = one_group || by_column ? 0 : row;
        dequantize_narrow(q, cols, zero + meta_at, scale + meta_at, by_column ? 1 : 0, compute, wide.as<float>(), bytes);
      }
    }
  });
}

void dequantize(const QuantizedTensor& tensor, float* out) { dequantize(tensor, DType::f32, out); }

void unpack(const QuantizedTensor& tensor, uint8_t* q) {
  unpack(tensor.packed.data(), tensor.rows, tensor.cols, tensor.packing, q);
}

}  // namespace hqq
