// Matrix kernels of every SIMD level against cpu/reference.h. Tolerances, relative to the root mean square of the
// result:
//   float32 paths       2e-5   other summation order than the double-precision reference
//   8-bit activations   2e-5   against the reference with the same rounded activations; against unrounded ones see
//   BENCHMARKS.md fast batch on AMX   0.05   bfloat16 operands, against exact ones
#include <cmath>
#include <cstring>

#include "core/thread_pool.h"
#include "cpu/linear.h"
#include "cpu/reference.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"
#include "tests/support/random_values.h"

using namespace hqq;
using test::normal_values;
using test::relative_error;

namespace {

constexpr double kTolerance = 2e-5;
/// Whether a batch of quantized layers runs in bfloat16 under the fast arithmetic.
bool fast_is_bfloat16(int64_t tokens) { return active_simd_level() == SimdLevel::amx && tokens > 8; }
const NullReporter kQuiet;

QuantizedTensor quantized(int64_t out, int64_t in, const QuantConfig& config) {
  const auto weight = normal_values(out * in, static_cast<uint64_t>(out * 7 + in), 0.05f);
  return quantize({weight.data(), DType::f32, {out, in}}, config, PackFormat::dense);
}

std::vector<float> run(const Linear& layer, const std::vector<float>& x, int64_t tokens, bool eight_bit) {
  std::vector<float> y(static_cast<size_t>(tokens * layer.out()), NAN);
  const ActivationScratch scratch(layer.in());
  const LinearCall call{&layer, y.data()};
  run_linear({&call, 1}, x.data(), tokens, eight_bit, scratch, kQuiet);
  return y;
}

std::vector<float> expected(const std::vector<float>& x, const std::vector<float>& w, const float* bias, int64_t tokens,
                            int64_t out, int64_t in) {
  std::vector<float> y(static_cast<size_t>(tokens * out));
  reference::matmul(x.data(), w.data(), bias, tokens, out, in, y.data());
  return y;
}

void check_close(const std::vector<float>& got, const std::vector<float>& want, double tolerance,
                 const std::string& what) {
  const double error = relative_error(got.data(), want.data(), static_cast<int64_t>(want.size()));
  CHECK(error <= tolerance, what, ": relative error ", error);
}

std::string name_of(const QuantConfig& c, int64_t out, int64_t in, int64_t tokens) {
  return test::describe(c.nbits, "-bit g", c.group_size, " axis ", c.axis, ", ", out, "x", in, ", ", tokens, " tokens");
}

/// Both arithmetics of one quantized layer, for one token, a few, and more than one tile.
void check_quantized(int64_t out, int64_t in, const QuantConfig& config, DType compute = DType::f32) {
  const Linear layer = Linear::quantized(quantized(out, in, config), compute, {});
  CHECK(layer.tiled() != nullptr, name_of(config, out, in, 0), " has no packed kernel");
  const auto weight = reference::dequantize(*layer.tiled());
  for (const int64_t tokens : {1, 3, 17}) {
    const auto x = normal_values(tokens * in, 3);
    const auto exact = expected(x, weight, nullptr, tokens, out, in);
    check_close(run(layer, x, tokens, false), exact, kTolerance, name_of(config, out, in, tokens));
    if (compute != DType::f32) continue;
    const auto eight = run(layer, x, tokens, true);
    if (fast_is_bfloat16(tokens)) {
      check_close(eight, exact, 0.05, name_of(config, out, in, tokens) + ", bfloat16");
      continue;
    }
    if (config.axis == 0) {
      // The scaled activations are what is rounded, so only the size of the error can be checked (and none in a batch).
      check_close(eight, exact, tokens == 1 ? 0.05 : kTolerance, name_of(config, out, in, tokens) + ", 8-bit");
      continue;
    }
    std::vector<float> rounded;
    for (int64_t t = 0; t < tokens; ++t) {
      const auto row = reference::round_activations(x.data() + t * in, in);
      rounded.insert(rounded.end(), row.begin(), row.end());
    }
    check_close(eight, expected(rounded, weight, nullptr, tokens, out, in), kTolerance,
                name_of(config, out, in, tokens) + ", 8-bit");
  }
}

}  // namespace

TEST("the tiled layout holds what was quantized") {
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1})
    for (const int axis : {0, 1}) {
      const QuantizedTensor tensor = quantized(48, 96, {.nbits = nbits, .group_size = 16, .axis = axis});
      std::vector<float> stored(48 * 96);
      dequantize(tensor, stored.data());
      const auto tiled = tile_weights(tensor, DType::f32);
      CHECK(tiled.has_value());
      CHECK(reference::dequantize(*tiled) == stored, nbits, " bits, axis ", axis);
    }
}

TEST("dequantized values are rounded as HQQLinear rounds them") {
  for (const DType compute : {DType::f16, DType::bf16}) {
    const QuantizedTensor tensor = quantized(32, 64, {.nbits = 4, .group_size = 32});
    std::vector<uint16_t> stored(32 * 64);
    dequantize(tensor, compute, stored.data());
    std::vector<float> widened(stored.size());
    to_f32(stored.data(), compute, widened.data(), static_cast<int64_t>(stored.size()));
    CHECK(reference::dequantize(*tile_weights(tensor, compute)) == widened, to_string(compute));
  }
}

TEST("quantized layers: every bit width, group size and axis") {
  test::at_every_level([] {
    for (const int nbits : {8, 6, 5, 4, 3, 2, 1})
      for (const int64_t group : {8, 16, 32, 64, 128}) check_quantized(64, 256, {.nbits = nbits, .group_size = group});
    for (const int nbits : {8, 6, 5, 4, 3, 2, 1})
      for (const int64_t group : {8, 16, 64})
        check_quantized(64, 192, {.nbits = nbits, .group_size = group, .axis = 0});
  });
}

TEST("quantized layers: odd shapes") {
  test::at_every_level([] {
    check_quantized(17, 64, {.nbits = 4, .group_size = 64});    // rows beyond a block
    check_quantized(1, 64, {.nbits = 8, .group_size = 64});     // one row
    check_quantized(40, 72, {.nbits = 4, .group_size = 24});    // columns beyond a chunk, group not a power of two
    check_quantized(64, 96, {.nbits = 4, .group_size = 64});    // groups that straddle rows
    check_quantized(48, 176, {.nbits = 3, .group_size = 0});    // one group per row
    check_quantized(48, 320, {.nbits = 2, .group_size = 320});  // groups of several chunks
    check_quantized(24, 80, {.nbits = 4, .group_size = 0, .axis = 0});   // one group per column
    check_quantized(60, 75, {.nbits = 4, .group_size = 20, .axis = 0});  // odd columns, classes that do not fill blocks
    check_quantized(32, 64, {.nbits = 8, .channel_wise = false, .optimize = false});  // one scale for all
  });
}

TEST("quantized layers: float16 and bfloat16 arithmetic") {
  test::at_every_level([] {
    for (const DType compute : {DType::f16, DType::bf16})
      for (const int axis : {0, 1}) check_quantized(32, 128, {.nbits = 4, .group_size = 32, .axis = axis}, compute);
  });
}

TEST("a grouping without a packed kernel is dequantized") {
  const QuantizedTensor tensor = quantized(30, 64, {.nbits = 4, .group_size = 4});
  std::vector<float> weight(30 * 64);
  dequantize(tensor, weight.data());
  const Linear layer = Linear::quantized(tensor, DType::f32, {});
  CHECK(layer.tiled() == nullptr);
  CHECK_EQ(layer.weight_bytes(), 30 * 64 * 4);
  const auto x = normal_values(64, 5);
  check_close(run(layer, x, 1, true), expected(x, weight, nullptr, 1, 30, 64), kTolerance, "dequantized");
}

TEST("unquantized layers: every dtype, odd shapes, bias") {
  test::at_every_level([] {
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
      for (const auto& [out, in] : {std::pair<int64_t, int64_t>{16, 64}, {33, 100}, {5, 7}, {64, 300}}) {
        const auto source = normal_values(out * in, 11, 0.1f);
        auto stored = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(out * in * size_of(dtype)));
        from_f32(source.data(), dtype, stored->data(), out * in);
        std::vector<float> weight(source.size());
        to_f32(stored->data(), dtype, weight.data(), out * in);
        Buffer bias(out * 4, MemoryUse::scratch);
        for (int64_t i = 0; i < out; ++i) bias.as<float>()[i] = static_cast<float>(i) * 0.01f;
        const std::vector<float> bias_values(bias.as<float>(), bias.as<float>() + out);
        const Linear layer = Linear::dense({stored->data(), dtype, {out, in}}, stored, std::move(bias));
        for (const int64_t tokens : {1, 2, 5, 29}) {
          const auto x = normal_values(tokens * in, 13);
          check_close(run(layer, x, tokens, true), expected(x, weight, bias_values.data(), tokens, out, in), kTolerance,
                      test::describe(to_string(dtype), " ", out, "x", in, " ", tokens, " tokens"));
        }
      }
  });
}

TEST("layers that share an input run as one region, on any thread count") {
  const Linear a = Linear::quantized(quantized(48, 128, {.nbits = 4, .group_size = 64}), DType::f32, {});
  const Linear b = Linear::quantized(quantized(32, 128, {.nbits = 2, .group_size = 16, .axis = 0}), DType::f32, {});
  const auto x = normal_values(128, 17);
  const auto both = [&] {
    std::vector<float> y(80);
    const ActivationScratch scratch(128);
    const LinearCall calls[] = {{&a, y.data()}, {&b, y.data() + 48}};
    run_linear(calls, x.data(), 1, true, scratch, kQuiet);
    return y;
  };
  const auto first = both();
  test::at_every_thread_count([&] { CHECK(both() == first); });
}

TEST("8-bit activations: stated error") {
  // Normal activations and weights, 4-bit g64: the relative error of a dot product stays below 1 % on average.
  const Linear layer = Linear::quantized(quantized(256, 1024, {.nbits = 4, .group_size = 64}), DType::f32, {});
  const auto x = normal_values(1024, 23);
  const auto exact = run(layer, x, 1, false), eight = run(layer, x, 1, true);
  double off = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    off += std::fabs(exact[i] - eight[i]);
    size += std::fabs(exact[i]);
  }
  CHECK(off <= 0.01 * size, "mean relative error ", off / size);
}

TEST("a long matrix product stops when asked to") {
  struct Stop final : Reporter {
    void progress(const std::string&) override {}
    void emit(const std::string&) override {}
    bool cancelled() const override { return true; }
  } stop;
  const Linear layer = Linear::quantized(quantized(64, 64, {.nbits = 4, .group_size = 64}), DType::f32, {});
  const auto x = normal_values(4 * 64, 29);
  std::vector<float> y(4 * 64);
  const ActivationScratch scratch(64);
  const LinearCall call{&layer, y.data()};
  CHECK_THROWS_CODE(run_linear({&call, 1}, x.data(), 4, false, scratch, stop), cancelled);
}
