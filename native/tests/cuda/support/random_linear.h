// Random linear layers for device tests: as stored, and as float64 for the reference.
#pragma once

#include <cmath>
#include <vector>

#include "core/dtype.h"
#include "cuda/abi_model.h"
#include "model/sampler.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "tests/support/random_values.h"

namespace hqq::test {

inline float round_to(float v, DType dtype) {
  if (dtype == DType::f16) return f16_to_f32(f32_to_f16(v));
  if (dtype == DType::bf16) return bf16_to_f32(f32_to_bf16(v));
  return v;
}

struct RandomLinear {
  int64_t rows, cols;
  Buffer packed;
  std::vector<float> scale, zero, bias;
  std::vector<double> weights;  // (q - zero) * scale, scale and zero as the compute dtype has them
  HqqCudaLinear linear{};
};

/// `group` 0 is per channel; group_size, axis as in QuantConfig.
inline RandomLinear random_linear(int64_t rows, int64_t cols, int nbits, int64_t group, int axis, DType compute,
                                  uint64_t seed, bool with_bias = false) {
  const QuantConfig config{.nbits = nbits, .group_size = group, .axis = axis};
  const Grouping view = resolve_grouping(config, {rows, cols});
  const Packing packing = packing_for(nbits, PackFormat::dense);
  Random random(seed);
  RandomLinear r;
  r.rows = rows;
  r.cols = cols;
  std::vector<uint8_t> q(static_cast<size_t>(rows * cols));
  for (uint8_t& v : q) v = static_cast<uint8_t>(random.next() >> 11 & ((1u << nbits) - 1));
  r.packed = Buffer(packed_bytes(packing, view.rows, view.cols), MemoryUse::scratch);
  pack(q.data(), view.rows, view.cols, packing, r.packed.data());
  const double middle = ((1 << nbits) - 1) / 2.0;
  for (int64_t g = 0; g < view.groups; ++g) {
    r.scale.push_back(static_cast<float>((0.5 + random.uniform()) * 0.02 / middle));
    r.zero.push_back(static_cast<float>(middle + (random.uniform() - 0.5)));
  }
  for (int64_t f = 0; f < rows * cols; ++f) {
    const auto g = static_cast<size_t>(axis == 1 ? f / view.group_size : f % view.groups);
    r.weights.push_back((q[static_cast<size_t>(f)] - static_cast<double>(round_to(r.zero[g], compute))) *
                        static_cast<double>(round_to(r.scale[g], compute)));
  }
  if (with_bias) r.bias = normal_values(rows, seed + 1, 0.1f);
  HqqCudaLinear& l = r.linear;
  l.rows = l.stored_rows = rows;
  l.cols = cols;
  l.packed = r.packed.data();
  l.packed_bytes = r.packed.bytes();
  l.view_rows = view.rows;
  l.view_cols = view.cols;
  l.scale = {r.scale.data(), static_cast<int64_t>(r.scale.size()), static_cast<int32_t>(DType::f32), 0};
  l.zero = {r.zero.data(), static_cast<int64_t>(r.zero.size()), static_cast<int32_t>(DType::f32), 0};
  l.packing = static_cast<int32_t>(packing);
  l.nbits = nbits;
  l.axis = axis;
  l.bias = with_bias ? r.bias.data() : nullptr;
  return r;
}

}  // namespace hqq::test
