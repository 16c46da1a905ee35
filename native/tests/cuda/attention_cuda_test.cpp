// Attention on a device against float64 on the processor: one token over a split cache, many tokens, both kernels.
#include "cuda/attention.cuh"

#include <algorithm>
#include <cstring>

#include "cuda/flash.cuh"
#include "model/rope.h"
#include "tests/cuda/support/op_bench.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::normal_values;

namespace {

// Relative to the root mean square of a result. The reference uses keys and values as the cache holds them; the flash
// kernel rounds queries and probabilities to float16 too.
constexpr double kFloatCache = 1e-5, kHalfCache = 2e-3, kFlash = 4e-3;

struct HeadShape {
  int heads, kv_heads, dim, rotary;
};

struct Case {
  HeadShape shape;
  int start, tokens;
  bool float_cache;
};

float stored(float v, bool is_float) { return is_float ? v : f16_to_f32(f32_to_f16(v)); }

struct Data {
  std::vector<float> qkv, old_keys, old_values;  // old: [kv_heads][start][dim], as cached
  RopeTable table;
};

Data make_data(const Case& c, int64_t capacity) {
  const HeadShape& s = c.shape;
  Data d;
  d.qkv = normal_values(static_cast<int64_t>(c.tokens) * (s.heads + 2 * s.kv_heads) * s.dim, 3);
  d.old_keys = normal_values(static_cast<int64_t>(s.kv_heads) * std::max(1, c.start) * s.dim, 4);
  d.old_values = normal_values(static_cast<int64_t>(s.kv_heads) * std::max(1, c.start) * s.dim, 5);
  for (float& v : d.old_keys) v = stored(v, c.float_cache);
  for (float& v : d.old_values) v = stored(v, c.float_cache);
  RopeConfig rope;
  rope.rotary_dim = s.rotary;
  fill_rope_table(rope_frequencies(rope, 0), 1.0, 0, capacity, d.table);
  return d;
}

std::vector<double> reference(const Case& c, const Data& d) {
  const HeadShape& s = c.shape;
  const int per_kv = s.heads / s.kv_heads, row = (s.heads + 2 * s.kv_heads) * s.dim;
  std::vector<double> out(static_cast<size_t>(c.tokens * s.heads * s.dim));
  std::vector<float> turned = d.qkv;
  for (int t = 0; t < c.tokens; ++t)
    for (int h = 0; h < s.heads + s.kv_heads; ++h)
      rotate_head(turned.data() + t * row + h * s.dim, d.table.cos_row(c.start + t), d.table.sin_row(c.start + t),
                  d.table.half);
  const auto at = [&](bool keys, int kv, int position, int i) -> double {
    if (position < c.start)
      return (keys ? d.old_keys
                   : d.old_values)[static_cast<size_t>((kv * std::max(1, c.start) + position) * s.dim + i)];
    const int head = s.heads + (keys ? 0 : s.kv_heads) + kv;
    return stored(turned[static_cast<size_t>((position - c.start) * row + head * s.dim + i)], c.float_cache);
  };
  for (int t = 0; t < c.tokens; ++t)
    for (int h = 0; h < s.heads; ++h) {
      const int visible = c.start + t + 1;
      std::vector<double> p(static_cast<size_t>(visible));
      double top = -1e300, sum = 0;
      for (int k = 0; k < visible; ++k) {
        double dot = 0;
        for (int i = 0; i < s.dim; ++i)
          dot += turned[static_cast<size_t>(t * row + h * s.dim + i)] * at(true, h / per_kv, k, i);
        p[static_cast<size_t>(k)] = dot / std::sqrt(static_cast<double>(s.dim));
        top = std::max(top, p[static_cast<size_t>(k)]);
      }
      for (double& v : p) sum += v = std::exp(v - top);
      for (int i = 0; i < s.dim; ++i) {
        double value = 0;
        for (int k = 0; k < visible; ++k) value += p[static_cast<size_t>(k)] * at(false, h / per_kv, k, i);
        out[static_cast<size_t>((t * s.heads + h) * s.dim + i)] = value / sum;
      }
    }
  return out;
}

enum class Kernel { one, one_on_device, many, flash };

std::vector<float> run(const Case& c, const Data& d, Kernel kernel, const test::OpBench& bench, int64_t capacity) {
  const HeadShape& s = c.shape;
  const int dim = (s.dim + 7) / 8 * 8, size = c.float_cache ? 4 : 2;
  const int64_t values = s.kv_heads * capacity * dim;
  // What lies behind the written positions must not matter.
  std::vector<uint8_t> cache[2] = {std::vector<uint8_t>(static_cast<size_t>(values * size), 0xff),
                                   std::vector<uint8_t>(static_cast<size_t>(values * size), 0xff)};
  for (int which = 0; which < 2; ++which)
    for (int h = 0; h < s.kv_heads; ++h)
      for (int p = 0; p < c.start; ++p)
        for (int i = 0; i < dim; ++i) {
          const float v = i >= s.dim
                              ? 0.0f
                              : (which ? d.old_values
                                       : d.old_keys)[static_cast<size_t>((h * std::max(1, c.start) + p) * s.dim + i)];
          uint8_t* to = cache[which].data() + ((h * capacity + p) * dim + i) * size;
          const uint16_t half = f32_to_f16(v);
          std::memcpy(to, c.float_cache ? static_cast<const void*>(&v) : &half, static_cast<size_t>(size));
        }
  DeviceBuffer keys = bench.up(cache[0]), cached_values = bench.up(cache[1]), qkv = bench.up(d.qkv);
  const DeviceBuffer cos = bench.up(d.table.cos), sin = bench.up(d.table.sin),
                     position = bench.up(std::vector<int>{c.start});
  const DeviceBuffer out = bench.poisoned(static_cast<int64_t>(c.tokens) * s.heads * s.dim * 4);
  const DeviceBuffer partial = bench.poisoned(attention_scratch_bytes(s.heads, s.kv_heads, s.dim, bench.target));
  const DeviceBuffer arrivals =
      bench.up(std::vector<int>(static_cast<size_t>(attention_counters(s.heads, s.kv_heads)), 0));
  AttentionArgs a;
  a.qkv = qkv.as<float>();
  a.qkv_stride = (s.heads + 2 * s.kv_heads) * s.dim;
  a.cos = cos.as<float>();
  a.sin = sin.as<float>();
  a.half_rotary = s.rotary / 2;
  a.heads = s.heads;
  a.kv_heads = s.kv_heads;
  a.head_dim = s.dim;
  a.cache = {keys.data(), cached_values.data(), capacity, dim, c.float_cache};
  a.position = kernel == Kernel::one_on_device ? position.as<int>() : nullptr;
  a.start = c.start;
  a.tokens = c.tokens;
  a.out = out.data();
  a.out_float = true;
  a.partial = partial.as<float>();
  a.arrivals = arrivals.as<int>();
  if (kernel == Kernel::one || kernel == Kernel::one_on_device) {
    attend_one(a, bench.target);
    for (const int left : bench.down<int>(arrivals)) CHECK_EQ(left, 0);
  } else {
    rotate_and_store(a, bench.target);
    if (kernel == Kernel::flash) flash(a, bench.target);
    else attend_many(a, bench.target);
  }
  return bench.down<float>(out);
}

}  // namespace

TEST("attention: sizes of heads, sharing, lengths") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  constexpr int64_t capacity = 1300;
  for (const HeadShape& s :
       {HeadShape{4, 4, 64, 64}, HeadShape{4, 2, 128, 128}, HeadShape{8, 1, 96, 48}, HeadShape{6, 6, 80, 80},
        HeadShape{4, 2, 256, 64}, HeadShape{2, 1, 40, 40}, HeadShape{2, 2, 20, 10}, HeadShape{2, 1, 320, 320}})
    for (const bool float_cache : {true, false})
      for (const auto& [start, tokens] :
           {std::pair{0, 1}, {1, 1}, {63, 1}, {64, 1}, {1000, 1}, {0, 70}, {130, 65}, {5, 3}, {0, 200}}) {
        const Case c{s, start, tokens, float_cache};
        const std::string name = std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " heads of " +
                                 std::to_string(s.dim) + ", " + std::to_string(tokens) + " at " +
                                 std::to_string(start) + (float_cache ? " float" : " half");
        verdict.run(name, [&] {
          const Data d = make_data(c, capacity);
          const auto expected = reference(c, d);
          const double tolerance = float_cache ? kFloatCache : kHalfCache;
          if (tokens == 1) {
            verdict.compare(name + " one", run(c, d, Kernel::one, bench, capacity), expected, tolerance);
            verdict.compare(name + " one, position on device", run(c, d, Kernel::one_on_device, bench, capacity),
                            expected, tolerance);
          } else {
            verdict.compare(name + " many", run(c, d, Kernel::many, bench, capacity), expected, tolerance);
          }
          const bool has_flash =
              !float_cache && (s.dim == 64 || s.dim == 80 || s.dim == 96 || s.dim == 128 || s.dim == 256);
          if (has_flash) verdict.compare(name + " flash", run(c, d, Kernel::flash, bench, capacity), expected, kFlash);
        });
      }
  verdict.done("attention");
}
