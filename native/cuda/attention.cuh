// Attention of new tokens over the cache, one query at a time per block: flash-decoding, the context split over blocks
// whose results the last of them joins. Queries that share a key/value head share its reads.
#pragma once

#include "cuda/launch.cuh"

namespace hqq::cuda {

/// Keys and values of one layer: each [kv_heads][capacity][dim], dim = head_dim rounded up to 8 with zeros behind.
struct CacheView {
  void* keys = nullptr;
  void* values = nullptr;
  int64_t capacity = 0;
  int dim = 0;
  bool is_float = false;  // float32, else float16
};

struct AttentionArgs {
  const float* qkv = nullptr;  // [tokens][(heads + 2 kv_heads) * head_dim]
  int64_t qkv_stride = 0;
  const float* cos = nullptr;  // [capacity][half_rotary]
  const float* sin = nullptr;
  int half_rotary = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
  CacheView cache;
  const int* position = nullptr;  // of the first token, on the device; null: `start`
  int start = 0;
  int tokens = 1;
  void* out = nullptr;  // [tokens][heads * head_dim]
  bool out_float = false;
  float* partial = nullptr;  // scratch of attention_scratch_bytes()
  int* arrivals = nullptr;   // zeros, attention_counters() of them; zero again afterwards
};

/// Blocks that share one query's context at most, on this device.
int attention_splits(int heads, int kv_heads, const Target& target);
int64_t attention_scratch_bytes(int heads, int kv_heads, int head_dim, const Target& target);
int64_t attention_counters(int heads, int kv_heads);

/// Rotates queries and keys of several tokens and stores keys and values in the cache; queries stay in qkv, rotated.
void rotate_and_store(const AttentionArgs& args, const Target& target);
/// One token: rotates, stores and attends. With `position`, launches the same way at every length.
void attend_one(const AttentionArgs& args, const Target& target);
/// Several tokens after rotate_and_store().
void attend_many(const AttentionArgs& args, const Target& target);

}  // namespace hqq::cuda
