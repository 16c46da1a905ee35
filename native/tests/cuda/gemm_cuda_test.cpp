// Matrix products of many tokens on a device against float64.
#include "cuda/gemm.cuh"

#include "core/dtype.h"
#include "tests/cuda/support/op_bench.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::normal_values;

namespace {

// Relative to the root mean square of a result; operands of the reference are rounded as the kernel's. A gated result is
// rounded to 16 bits.
constexpr double kProduct = 1e-5, kGatedHalf = 5e-3, kGatedBf16 = 4e-2;

uint16_t narrow(float v, bool bf16) { return bf16 ? f32_to_bf16(v) : f32_to_f16(v); }
float wide(uint16_t v, bool bf16) { return bf16 ? bf16_to_f32(v) : f16_to_f32(v); }

}  // namespace

TEST("gemm: shapes that fill no tile, bias, residual, gate") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  struct Shape {
    int64_t tokens, rows, cols;
  };
  for (const Shape& s : {Shape{33, 16, 64}, Shape{128, 128, 128}, Shape{129, 272, 200}, Shape{300, 144, 1032},
                         Shape{64, 1000, 8}, Shape{260, 512, 576}})
    for (const bool bf16 : {false, true})
      for (const GemmOutput mode : {GemmOutput::store, GemmOutput::add, GemmOutput::silu}) {
        if (mode == GemmOutput::silu && s.rows % 16 != 0) continue;
        const std::string name = std::to_string(s.tokens) + " tokens, " + std::to_string(s.rows) + " x " +
                                 std::to_string(s.cols) + (bf16 ? " bf16" : " f16") + " mode " +
                                 std::to_string(static_cast<int>(mode));
        verdict.run(name, [&] {
          const auto x = normal_values(s.tokens * s.cols, 1), w = normal_values(s.rows * s.cols, 2, 0.1f),
                     bias = normal_values(s.rows, 3);
          std::vector<uint16_t> narrow_x, narrow_w;
          for (const float v : x) narrow_x.push_back(narrow(v, bf16));
          for (const float v : w) narrow_w.push_back(narrow(v, bf16));
          std::vector<double> y(static_cast<size_t>(s.tokens * s.rows));
          for (int64_t t = 0; t < s.tokens; ++t)
            for (int64_t r = 0; r < s.rows; ++r) {
              double sum = bias[static_cast<size_t>(r)];
              for (int64_t k = 0; k < s.cols; ++k)
                sum += static_cast<double>(wide(narrow_x[static_cast<size_t>(t * s.cols + k)], bf16)) *
                       wide(narrow_w[static_cast<size_t>(r * s.cols + k)], bf16);
              y[static_cast<size_t>(t * s.rows + r)] = sum;
            }
          const DeviceBuffer device_x = bench.up(narrow_x), device_w = bench.up(narrow_w), device_bias = bench.up(bias);
          const bool gated = mode == GemmOutput::silu;
          const auto before = normal_values(s.tokens * s.rows, 4);
          const int64_t out_rows = gated ? s.rows / 2 : s.rows;
          const DeviceBuffer out =
              mode == GemmOutput::add ? bench.up(before) : bench.poisoned(s.tokens * out_rows * (gated ? 2 : 4));
          GemmArgs args;
          args.x = device_x.data();
          args.w = device_w.data();
          args.tokens = s.tokens;
          args.rows = s.rows;
          args.cols = s.cols;
          args.bf16 = bf16;
          args.bias = device_bias.as<float>();
          args.out = out.data();
          args.out_stride = args.out_rows = out_rows;
          args.mode = mode;
          gemm(args, bench.target);
          if (!gated) {
            if (mode == GemmOutput::add)
              for (size_t i = 0; i < y.size(); ++i) y[i] += before[i];
            return verdict.compare(name, bench.down<float>(out), y, kProduct);
          }
          std::vector<double> expected;
          for (int64_t t = 0; t < s.tokens; ++t)
            for (int64_t r = 0; r < out_rows; ++r) {
              const double* row = y.data() + t * s.rows + r / 8 * 16 + r % 8;
              expected.push_back(row[0] / (1.0 + std::exp(-row[0])) * row[8]);
            }
          std::vector<float> got;
          for (const uint16_t v : bench.down<uint16_t>(out)) got.push_back(wide(v, bf16));
          verdict.compare(name, got, expected, bf16 ? kGatedBf16 : kGatedHalf);
        });
      }
  verdict.done("gemm");
}
