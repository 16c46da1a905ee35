// Attention of many tokens over a float16 cache on tensor cores, causal, without ever writing scores to memory.
#pragma once

#include "cuda/attention.cuh"

namespace hqq::cuda {

/// Whether there is a kernel for this size of head (64, 80, 96, 128 or 256) and this cache (float16).
bool can_flash(const AttentionArgs& args);

/// Several tokens after rotate_and_store().
void flash(const AttentionArgs& args, const Target& target);

}  // namespace hqq::cuda
