#include "cuda/attention.cuh"

#include <algorithm>

#include "cuda/attention_kernel.cuh"

namespace hqq::cuda {
namespace {

/// Lanes and vectors of eight that hold one head, and queries handled together.
struct Form {
  int lanes, vectors, group;
  int width() const { return lanes * 8 * vectors; }
};
Form form_of(int heads, int kv_heads, int head_dim) {
  const int lanes = head_dim <= 64 ? 8 : head_dim <= 128 ? 16 : 32;
  const int vectors = head_dim <= 256 ? 1 : 4;
  return {lanes, vectors, vectors == 1 && heads > kv_heads ? 4 : 1};
}

int chunks_of(int heads, int kv_heads, int group) { return (heads / kv_heads + group - 1) / group; }

template <typename T, int lanes, int vectors, int group>
void launch_form(const AttentionArgs& args, bool fused, int splits, const Target& target) {
  const dim3 grid(static_cast<unsigned>(args.kv_heads * chunks_of(args.heads, args.kv_heads, group)),
                  static_cast<unsigned>(splits), static_cast<unsigned>(args.tokens));
  if (fused) launch(attention_kernel<T, lanes, vectors, group, true>, grid, dim3(kAttentionThreads), 0, target, args);
  else launch(attention_kernel<T, lanes, vectors, group, false>, grid, dim3(kAttentionThreads), 0, target, args);
}

template <typename T>
void launch_typed(const AttentionArgs& args, bool fused, int splits, const Target& target) {
  const Form form = form_of(args.heads, args.kv_heads, args.head_dim);
  if (form.vectors == 4) return launch_form<T, 32, 4, 1>(args, fused, splits, target);
  if (form.group == 1) {
    if (form.lanes == 8) return launch_form<T, 8, 1, 1>(args, fused, splits, target);
    if (form.lanes == 16) return launch_form<T, 16, 1, 1>(args, fused, splits, target);
    return launch_form<T, 32, 1, 1>(args, fused, splits, target);
  }
  if (form.lanes == 8) return launch_form<T, 8, 1, 4>(args, fused, splits, target);
  if (form.lanes == 16) return launch_form<T, 16, 1, 4>(args, fused, splits, target);
  return launch_form<T, 32, 1, 4>(args, fused, splits, target);
}

void check(const AttentionArgs& args) {
  require(args.head_dim >= 1 && args.head_dim <= 1024, ErrorCode::unsupported,
          "attention: heads of more than 1024 values are not supported");
}

}  // namespace

int attention_splits(int heads, int kv_heads, const Target& target) {
  const int blocks = kv_heads * chunks_of(heads, kv_heads, heads > kv_heads ? 4 : 1);
  return std::clamp((2 * target.multiprocessors + blocks - 1) / blocks, 1, 64);
}

int64_t attention_counters(int heads, int kv_heads) { return int64_t{kv_heads} * chunks_of(heads, kv_heads, 1); }

int64_t attention_scratch_bytes(int heads, int kv_heads, int head_dim, const Target& target) {
  const Form form = form_of(heads, kv_heads, head_dim);
  return int64_t{kv_heads} * chunks_of(heads, kv_heads, form.group) * attention_splits(heads, kv_heads, target) *
         form.group * (form.width() + 2) * 4;
}

void rotate_and_store(const AttentionArgs& args, const Target& target) {
  check(args);
  float* qkv = const_cast<float*>(args.qkv);
  const dim3 grid(static_cast<unsigned>(args.tokens)), block(256);
  if (args.cache.is_float) launch(rotate_kernel<float>, grid, block, 0, target, args, qkv);
  else launch(rotate_kernel<__half>, grid, block, 0, target, args, qkv);
}

void attend_one(const AttentionArgs& args, const Target& target) {
  check(args);
  const int splits = attention_splits(args.heads, args.kv_heads, target);
  if (args.cache.is_float) launch_typed<float>(args, true, splits, target);
  else launch_typed<__half>(args, true, splits, target);
}

void attend_many(const AttentionArgs& args, const Target& target) {
  check(args);
  if (args.cache.is_float) launch_typed<float>(args, false, 1, target);
  else launch_typed<__half>(args, false, 1, target);
}

}  // namespace hqq::cuda
