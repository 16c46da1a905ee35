// Packed matrices times vectors on a device, against float64 on the processor.
#include "cuda/gemv.cuh"

#include "cuda/matrix.h"
#include "cuda/repack.cuh"
#include "tests/cuda/support/op_bench.h"
#include "tests/cuda/support/random_linear.h"
#include "tests/support/check.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::normal_values;

namespace {

// Relative to the root mean square of a result. Inputs of the reference are rounded as the kernel rounds them, weights
// are exact integers: what is left is the order of float32 sums.
constexpr double kExact = 2e-5;
// A fused norm may round an input to the other float16 neighbour.
constexpr double kNormed = 2e-3;
// Weights that became float16, after HQQLinear's roundings to the compute dtype.
constexpr double kDequantized = 2e-3, kDequantizedBf16 = 2e-2;
constexpr double kGated = 3e-3;

struct Shape2 {
  int64_t rows, cols, group;
};
constexpr Shape2 kShapes[] = {{64, 128, 64},    {48, 192, 64},   {40, 256, 32},    {100, 512, 16}, {33, 64, 8},
                              {272, 1024, 128}, {24, 576, 0},    {56, 1024, 1024}, {48, 576, 72},  {16, 112, 0},
                              {1000, 320, 40},  {4096, 256, 64}, {72, 11008, 64},  {16, 4096, 256}};

std::vector<double> multiply(const std::vector<double>& w, const std::vector<float>& x, int64_t rows, int64_t cols,
                             int tokens, const std::vector<float>& bias) {
  std::vector<double> y(static_cast<size_t>(tokens * rows));
  for (int t = 0; t < tokens; ++t)
    for (int64_t r = 0; r < rows; ++r) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<size_t>(r)];
      for (int64_t k = 0; k < cols; ++k)
        sum += w[static_cast<size_t>(r * cols + k)] * x[static_cast<size_t>(t * cols + k)];
      y[static_cast<size_t>(t * rows + r)] = sum;
    }
  return y;
}

void round_all(std::vector<float>& x, DType compute) {
  if (compute != DType::f16) return;
  for (float& v : x) v = test::round_to(v, DType::f16);
}

GemvArgs args_for(const Matrix& m, const DeviceBuffer& x, DeviceBuffer& y, int tokens, DType compute) {
  GemvArgs args;
  args.w = m.view;
  args.bias = m.bias.bytes() > 0 ? m.bias.as<float>() : nullptr;
  args.in.x = x.data();
  args.in.stride = m.view.cols;
  args.in.tokens = tokens;
  args.in.split = compute != DType::f16;
  args.out = y.data();
  args.out_stride = m.out_rows;
  args.out_rows = m.out_rows;
  return args;
}

Projection build(const std::vector<HqqCudaLinear>& parts, DType compute, bool gate_up, const test::OpBench& bench) {
  WeightStaging staging(bench.stream.get(), current_account());
  std::vector<HqqCudaLayerBytes> bytes(parts.size());
  Projection p = build_projection(parts,
                                  {.compute = compute,
                                   .gate_up = gate_up,
                                   .account = current_account(),
                                   .target = bench.target,
                                   .staging = staging},
                                  bytes);
  bench.stream.synchronize();
  return p;
}

std::string name_of(int nbits, const Shape2& s, int tokens, DType compute) {
  return std::to_string(nbits) + " bits, " + std::to_string(s.rows) + " x " + std::to_string(s.cols) + ", group " +
         std::to_string(s.group) + ", " + std::to_string(tokens) + " tokens, " + std::string(to_string(compute));
}

}  // namespace

TEST("gemv: every width, shape and number of tokens") {
  test::need_device();
  const test::OpBench bench;
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1}) {
    test::Verdict verdict;
    uint64_t seed = static_cast<uint64_t>(nbits) * 1000;
    for (const DType compute : {DType::f16, DType::f32, DType::bf16})
      for (const Shape2& s : kShapes) {
        ++seed;
        const auto layer = test::random_linear(s.rows, s.cols, nbits, s.group, 1, compute, seed, seed % 2 == 0);
        for (const int tokens : {1, 3, 8, 11}) {
          const std::string name = name_of(nbits, s, tokens, compute);
          verdict.run(name, [&] {
            const Projection p = build({layer.linear}, compute, false, bench);
            auto x = normal_values(tokens * s.cols, seed + static_cast<uint64_t>(tokens));
            const DeviceBuffer on_device = bench.up(x);
            DeviceBuffer y = bench.poisoned(tokens * s.rows * 4);
            gemv(args_for(p.matrices.front(), on_device, y, tokens, compute), bench.target);
            round_all(x, compute);
            const bool dense = p.matrices.front().view.nbits == kDenseBits;
            verdict.compare(name, bench.down<float>(y), multiply(layer.weights, x, s.rows, s.cols, tokens, layer.bias),
                            !dense                   ? kExact
                            : compute == DType::bf16 ? kDequantizedBf16
                                                     : kDequantized);
          });
        }
      }
    verdict.done((std::to_string(nbits) + " bits").c_str());
  }
}

TEST("gemv: float16 weights, and groupings that become float16") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{48, 192}, {33, 70}, {1000, 4096}}) {
    const auto values = normal_values(rows * cols, 5, 0.02f);
    std::vector<double> exact;
    for (const float v : values) exact.push_back(test::round_to(v, DType::f16));
    HqqCudaLinear part{};
    part.rows = part.stored_rows = rows;
    part.cols = cols;
    part.weight = {values.data(), rows * cols, static_cast<int32_t>(DType::f32), 0};
    for (const DType compute : {DType::f16, DType::f32})
      for (const int tokens : {1, 8}) {
        const std::string name = "dense " + name_of(16, {rows, cols, 0}, tokens, compute);
        verdict.run(name, [&] {
          const Projection p = build({part}, compute, false, bench);
          auto x = normal_values(tokens * cols, 6);
          const DeviceBuffer on_device = bench.up(x);
          DeviceBuffer y = bench.poisoned(tokens * rows * 4);
          gemv(args_for(p.matrices.front(), on_device, y, tokens, compute), bench.target);
          round_all(x, compute);
          verdict.compare(name, bench.down<float>(y), multiply(exact, x, rows, cols, tokens, {}), kExact);
        });
      }
  }
  for (const auto& [group, axis] : {std::pair<int64_t, int>{64, 0}, {0, 0}, {4, 1}, {96, 1}}) {
    const auto layer = test::random_linear(64, 192, 4, group, axis, DType::f16, 77);
    const std::string name = "group " + std::to_string(group) + " axis " + std::to_string(axis);
    verdict.run(name, [&] {
      const Projection p = build({layer.linear}, DType::f16, false, bench);
      auto x = normal_values(192, 8);
      const DeviceBuffer on_device = bench.up(x);
      DeviceBuffer y = bench.poisoned(64 * 4);
      gemv(args_for(p.matrices.front(), on_device, y, 1, DType::f16), bench.target);
      round_all(x, DType::f16);
      verdict.compare(name, bench.down<float>(y), multiply(layer.weights, x, 64, 192, 1, {}), kDequantized);
    });
  }
  verdict.done("float16 weights");
}

TEST("gemv: fused norm, residual and gate") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  constexpr int64_t rows = 176, cols = 640;
  for (const int nbits : {8, 4, 3})
    for (const int tokens : {1, 5}) {
      const std::string name = std::to_string(nbits) + " bits, " + std::to_string(tokens) + " tokens";
      const auto gate = test::random_linear(rows, cols, nbits, 64, 1, DType::f16, 21, true);
      const auto up = test::random_linear(rows, cols, nbits, 64, 1, DType::f16, 22, true);
      const auto x = normal_values(tokens * cols, 23, 3.0f);
      const auto norm = normal_values(cols, 24, 0.5f);
      std::vector<float> normed(x.size());
      for (int t = 0; t < tokens; ++t) {
        double square = 0;
        for (int64_t k = 0; k < cols; ++k)
          square += static_cast<double>(x[static_cast<size_t>(t * cols + k)]) * x[static_cast<size_t>(t * cols + k)];
        const double factor = 1.0 / std::sqrt(square / cols + 1e-5);
        for (int64_t k = 0; k < cols; ++k)
          normed[static_cast<size_t>(t * cols + k)] = test::round_to(
              static_cast<float>(x[static_cast<size_t>(t * cols + k)] * factor * norm[static_cast<size_t>(k)]),
              DType::f16);
      }
      const DeviceBuffer device_x = bench.up(x), device_norm = bench.up(norm);
      const auto g = multiply(gate.weights, normed, rows, cols, tokens, gate.bias);
      const auto u = multiply(up.weights, normed, rows, cols, tokens, up.bias);
      verdict.run(name + " residual", [&] {
        const Projection p = build({gate.linear}, DType::f16, false, bench);
        const auto before = normal_values(tokens * rows, 25);
        DeviceBuffer y = bench.up(before);
        GemvArgs args = args_for(p.matrices.front(), device_x, y, tokens, DType::f16);
        args.in.norm = device_norm.as<float>();
        args.in.epsilon = 1e-5f;
        args.mode = GemvOutput::add;
        gemv(args, bench.target);
        auto expected = g;
        for (size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
        verdict.compare(name + " residual", bench.down<float>(y), expected, kNormed);
      });
      verdict.run(name + " gate", [&] {
        const Projection p = build({gate.linear, up.linear}, DType::f16, true, bench);
        CHECK(p.gated && p.matrices.size() == 1);
        DeviceBuffer y = bench.poisoned(tokens * rows * 2);
        GemvArgs args = args_for(p.matrices.front(), device_x, y, tokens, DType::f16);
        args.in.norm = device_norm.as<float>();
        args.in.epsilon = 1e-5f;
        args.mode = GemvOutput::silu_half;
        gemv(args, bench.target);
        const auto halves = bench.down<uint16_t>(y);
        std::vector<float> got;
        std::vector<double> expected;
        for (size_t i = 0; i < g.size(); ++i) {
          got.push_back(f16_to_f32(halves[i]));
          expected.push_back(g[i] / (1.0 + std::exp(-g[i])) * u[i]);
        }
        verdict.compare(name + " gate", got, expected, kGated);
      });
    }
  verdict.done("fused");
}

TEST("expand: the layout gives back what was stored") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1})
    for (const Shape2& s : {Shape2{48, 192, 64}, Shape2{40, 256, 32}, Shape2{33, 64, 8}, Shape2{24, 576, 0}}) {
      const auto layer = test::random_linear(s.rows, s.cols, nbits, s.group, 1, DType::f32, 31);
      const std::string name = name_of(nbits, s, 0, DType::f32);
      verdict.run(name, [&] {
        const Projection p = build({layer.linear}, DType::f32, false, bench);
        const TiledView& view = p.matrices.front().view;
        const DeviceBuffer out = bench.poisoned(int64_t{view.row_tiles} * 16 * s.cols * 2);
        expand(view, 0, view.row_tiles, out.data(), false, bench.target);
        const auto halves = bench.down<uint16_t>(out);
        std::vector<float> got;
        for (int64_t i = 0; i < s.rows * s.cols; ++i) got.push_back(f16_to_f32(halves[static_cast<size_t>(i)]));
        verdict.compare(name, got, layer.weights, kDequantized);
      });
    }
  verdict.done("expand");
}
