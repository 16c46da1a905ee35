// What the quantizer refuses, how it answers a cancelled caller, and the registry of methods.
#include "quant/quantize.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

struct Matrix {
  Shape shape;
  std::vector<float> values;
  Matrix(int64_t rows, int64_t cols) : shape{rows, cols}, values(static_cast<size_t>(rows * cols)) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 7919) % 1009) * 1e-4f - 0.05f;
  }
  TensorView view() const { return {values.data(), DType::f32, shape}; }
};

QuantConfig config_with(int nbits, int64_t group_size, int axis = 1) {
  QuantConfig config;
  config.nbits = nbits;
  config.group_size = group_size;
  config.axis = axis;
  return config;
}

std::string message_of(const Matrix& matrix, const QuantConfig& config, PackFormat format = PackFormat::interchange) {
  try {
    quantize(matrix.view(), config, format);
  } catch (const EngineError& e) {
    return e.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class CancelAfter final : public Reporter {
 public:
  explicit CancelAfter(int looks) : looks_(looks) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override {}
  bool cancelled() const override { return looks_.fetch_sub(1) <= 0; }

 private:
  mutable std::atomic<int> looks_;
};

}  // namespace

TEST("configs that do not fit are refused with a cure") {
  const Matrix matrix(16, 24);
  CHECK_THROWS_CODE(quantize(matrix.view(), config_with(7, 8)), bad_input);
  CHECK_THROWS_CODE(quantize(matrix.view(), config_with(4, 8, 2)), bad_input);
  CHECK_THROWS_CODE(quantize(matrix.view(), config_with(4, 5)), bad_input);
  CHECK_THROWS_CODE(quantize(matrix.view(), config_with(4, -8)), bad_input);
  CHECK_THROWS_CODE(quantize({matrix.values.data(), DType::f32, {384}}, config_with(4, 8)), bad_input);
  CHECK_THROWS_CODE(quantize({matrix.values.data(), DType::f32, {0, 24}}, config_with(4, 8)), bad_input);
  CHECK(mentions(message_of(matrix, config_with(4, 5)), "group size 5 does not divide the 384 weights"));
  QuantConfig scales = config_with(4, 8);
  scales.quant_scale = true;
  CHECK(mentions(message_of(matrix, scales), "48 scales"));
}

TEST("row counts the reference corrupts are refused for interchange and padded in our format") {
  const Matrix matrix(3, 64);
  CHECK(mentions(message_of(matrix, config_with(4, 64)), "3 rows"));
  for (const int nbits : {4, 2, 1, 5, 6, 3, 8}) {
    const QuantizedTensor tensor = quantize(matrix.view(), config_with(nbits, 64), PackFormat::dense);
    std::vector<float> back(matrix.values.size());
    dequantize(tensor, back.data());
    const double step = 0.1 / ((1 << nbits) - 1);
    for (size_t i = 0; i < back.size(); ++i) CHECK_NEAR(back[i], matrix.values[i], 1.2 * step);
  }
}

TEST("weights that are not finite are named") {
  for (const int axis : {0, 1}) {
    for (const bool channel_wise : {true, false}) {
      test::at_every_level([&] {
        Matrix matrix(40, 72);
        QuantConfig config = config_with(4, 8, axis);
        config.channel_wise = channel_wise;
        matrix.values[5 * 72 + 7] = std::numeric_limits<float>::quiet_NaN();
        matrix.values[30 * 72 + 1] = std::numeric_limits<float>::infinity();
        CHECK_THROWS_CODE(quantize(matrix.view(), config), bad_weights);
        CHECK(mentions(message_of(matrix, config), "row 5, column 7 is NaN"), message_of(matrix, config));
        matrix.values[5 * 72 + 7] = 0;
        CHECK(mentions(message_of(matrix, config), "row 30, column 1 is infinite"), message_of(matrix, config));
        matrix.values[30 * 72 + 1] = 3e38f;
        CHECK(mentions(message_of(matrix, config), "row 30, column 1 is too large"), message_of(matrix, config));
      });
    }
  }
}

TEST("cancelling stops with its own code, at whatever moment") {
  const Matrix matrix(256, 512);
  for (int looks = 0; looks < 4; ++looks) {
    CancelAfter reporter(looks);
    CHECK_THROWS_CODE(quantize(matrix.view(), config_with(4, 64), PackFormat::interchange, nullptr, &reporter), cancelled);
  }
}

TEST("float16 and bfloat16 weights are converted, not reinterpreted") {
  const Matrix matrix(32, 64);
  for (const DType type : {DType::f16, DType::bf16}) {
    std::vector<std::byte> narrow(matrix.values.size() * 2);
    from_f32(matrix.values.data(), type, narrow.data(), static_cast<int64_t>(matrix.values.size()));
    std::vector<float> widened(matrix.values.size());
    to_f32(narrow.data(), type, widened.data(), static_cast<int64_t>(widened.size()));
    const QuantizedTensor a = quantize({narrow.data(), type, matrix.shape}, config_with(4, 64));
    const QuantizedTensor b = quantize({widened.data(), DType::f32, matrix.shape}, config_with(4, 64));
    std::vector<float> back_a(widened.size()), back_b(widened.size());
    dequantize(a, back_a.data());
    dequantize(b, back_b.data());
    CHECK(back_a == back_b);
  }
}

TEST("the optimizer lowers the error of plain rounding") {
  const Matrix matrix(64, 256);
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1}) {
    QuantStats hqq_stats, rtn_stats;
    quant_method("hqq").quantize(matrix.view(), config_with(nbits, 64), PackFormat::dense, nullptr, &hqq_stats, nullptr);
    quant_method("rtn").quantize(matrix.view(), config_with(nbits, 64), PackFormat::dense, nullptr, &rtn_stats, nullptr);
    CHECK(hqq_stats.mean_abs_error <= rtn_stats.mean_abs_error * 1.001, nbits, " bit: ", hqq_stats.mean_abs_error, " vs ", rtn_stats.mean_abs_error);
    CHECK(hqq_stats.iterations > 0 && rtn_stats.iterations == 0);
    CHECK(hqq_stats.mean_abs_weight > 0.01 && hqq_stats.mean_sq_error > 0 && hqq_stats.seconds > 0);
  }
}

TEST("methods are found by name") {
  CHECK_EQ(quant_methods().front().name, "hqq");
  for (const QuantMethod& method : quant_methods()) {
    CHECK(&quant_method(method.name) == &method);
    CHECK(!method.description.empty() && method.description.back() == '.');
  }
  CHECK_THROWS_CODE(quant_method("magic"), bad_input);
}

TEST("casting metadata rounds it once") {
  const Matrix matrix(64, 64);
  QuantizedTensor tensor = quantize(matrix.view(), config_with(4, 64));
  std::vector<float> before(64), after(64);
  meta_to_f32(tensor.scale, before.data());
  const int64_t bytes = tensor.bytes();
  cast_meta(tensor, DType::bf16);
  meta_to_f32(tensor.scale, after.data());
  for (size_t i = 0; i < 64; ++i) CHECK(after[i] == bf16_to_f32(f32_to_bf16(before[i])));
  CHECK_EQ(tensor.bytes(), bytes - 64 * 4);
}

}  // namespace hqq
