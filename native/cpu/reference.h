// Every op of a forward pass, written to be read: the meaning that the SIMD kernels are tested against. Sums are in
// double, so that a difference is the kernel's.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/activation.h"
#include "cpu/tiled.h"

namespace hqq::reference {

/// y = x / sqrt(mean(x^2) + eps) * weight
void rms_norm(const float* x, const float* weight, double eps, int64_t n, float* y);
/// y = (x - mean) / sqrt(variance + eps) * weight + bias
void layer_norm(const float* x, const float* weight, const float* bias, double eps, int64_t n, float* y);
/// activation(gate) * up; `up` may be null.
void activate(Activation activation, const float* gate, const float* up, int64_t n, float* y);
/// cap * tanh(x / cap), or x without a cap (0).
double softcap(double x, double cap);
/// Rotates the first `rotary_dim` values of a head: pairs (i, i + rotary_dim/2) by angle i.
void rope(float* head, const float* cos, const float* sin, int64_t rotary_dim);
/// softmax(softcap(q . k / sqrt(dim))) v over positions [0, visible). k and v: [position][dim].
void attention(const float* q, const float* k, const float* v, int64_t visible, int64_t dim, double cap, float* out);
/// y[t][o] = sum_k x[t][k] w[o][k] + bias[o]; bias may be null.
void matmul(const float* x, const float* w, const float* bias, int64_t tokens, int64_t out, int64_t in, float* y);
/// W' [out][in] of tiled weights, rounded as HQQLinear rounds in the compute dtype.
std::vector<float> dequantize(const TiledWeights& weights);
/// x as the kernels see it after 8-bit rounding: per 64 columns, q = round(x * 127 / max|x|).
std::vector<float> round_activations(const float* x, int64_t n);

}  // namespace hqq::reference
