// Fills the kernel table of one instruction set.
#pragma once

#include "cpu/linear_impl.h"
#include "cpu/vector_impl.h"

namespace hqq {

template <typename S>
constexpr Kernels make_kernels() {
  using V = VectorKernels<S>;
  using L = LinearKernels<S>;
  return {.rms_norm = V::rms_norm,
          .layer_norm = V::layer_norm,
          .activate = V::activate,
          .softcap = V::softcap,
          .add = V::add,
          .log_sum_exp = V::log_sum_exp,
          .attention = attention<S>,
          .dense_gemv = L::dense_gemv,
          .dense_panel = L::dense_panel,
          .tiled_panel = L::tiled_panel,
          .panel_gemm = panel_gemm<S>,
          .quantize_row = L::quantize_row,
          .tiled_gemm = L::tiled_gemm,
          .scale_for_class = L::scale_for_class,
          .class_gemv = L::class_gemv,
          .bf16_row = nullptr,
          .tile_gemm = nullptr};
}

}  // namespace hqq
