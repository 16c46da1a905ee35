// The nouns of quantization. Reconstruction everywhere: W' = (W_q - zero) * scale, scale and zero one per group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/arena.h"
#include "core/dtype.h"
#include "core/tensor.h"

namespace hqq {

/// How integers lie in memory; drawings in quant/bitpack.h. The first five are the reference's, the dense ones are ours.
enum class Packing : uint8_t { u8_8bit, u8_4bit, u8_2bit, u8_1bit, i32_3bit, dense_5bit, dense_6bit };
std::string_view to_string(Packing packing);  // "4bit_u8", "3bit_32", "5bit_dense", ...
std::optional<Packing> packing_from_string(std::string_view name);

/// What the user chooses per tensor.
struct QuantConfig {
  int nbits = 4;               // 8, 6, 5, 4, 3, 2, 1
  int64_t group_size = 64;     // divisor of numel; 0 = none (one group per output row at axis 1, per input column at axis 0)
  int axis = 1;                // 1: groups along the input dimension, 0: strided along the output dimension
  bool channel_wise = true;    // false: one scalar scale and zero for the whole tensor, never optimized
  bool round_zero = false;     // the reference rounds the initial zero at 4 bits; callers resolve that default
  bool optimize = true;        // false: plain round-to-nearest (RTN)
  bool quant_zero = false;     // zero stored as 8 bits without grouping
  bool quant_scale = false;    // scale stored as 8 bits in groups of 128
};

/// A meta tensor (scale or zero): float values, or 8-bit integers with a scale and zero of their own.
struct MetaTensor {
  Shape shape;                 // [n/g, 1] (axis 1), [1, n/g] (axis 0), [] (per tensor)
  DType dtype = DType::f32;    // of `values`, when not quantized
  Buffer values;               // dtype[numel]; empty when quantized
  bool quantized = false;
  Buffer q;                    // u8, shape q_shape; only when quantized
  Shape q_shape;
  Buffer q_scale, q_zero;      // f32[groups]
  Shape q_meta_shape;
};

/// One quantized weight matrix in storage form.
struct QuantizedTensor {
  QuantConfig config;
  Shape shape;                 // of the weight: [out, in]
  int64_t rows = 0, cols = 0;  // the grouped 2-D view: [n/g, g] at axis 1, [g, n/g] at axis 0
  Packing packing = Packing::u8_4bit;
  Buffer packed;
  Shape packed_shape;
  MetaTensor scale, zero;

  int64_t bytes() const;       // packed + meta, as stored
};

/// What quantizing one tensor cost and gained.
struct QuantStats {
  int iterations = 0;          // executed optimizer steps
  double mean_abs_error = 0;   // of W' against W, float32
  double mean_sq_error = 0;
  double max_abs_error = 0;
  double mean_abs_weight = 0;
  double seconds = 0;
};

}  // namespace hqq
