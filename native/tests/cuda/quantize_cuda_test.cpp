// The device's quantizer against the CPU's on fresh random matrices and against results of the official implementation.
// Tolerances: scales bit-exact; at least 99.9 % of the integers equal and none off by more than one; zeros within 1e-5
// in groups without such a difference; mean error not above the CPU's by more than rounding.
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "cuda/memory.h"
#include "cuda/tables.h"
#include "engine/cuda_quantizer.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "tests/cuda/support/device.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

namespace hqq {
namespace {

using test::need_device;
using test::normal_values;

std::unique_ptr<Quantizer> device_quantizer(bool keep_best = false) {
  return cuda_quantizer({cuda::quantize_table(),
                         [](const HqqCudaStatus& status) {
                           throw EngineError(error_code_from_string(status.code).value_or(ErrorCode::internal),
                                             status.message);
                         }},
                        0, keep_best);
}

/// A matrix of some type, with its values in that type.
struct Matrix {
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;

  Matrix(const std::vector<float>& values, Shape own_shape, DType type) : shape(std::move(own_shape)), dtype(type) {
    bytes.resize(values.size() * static_cast<size_t>(size_of(type)));
    from_f32(values.data(), type, bytes.data(), static_cast<int64_t>(values.size()));
  }
  TensorView view() const { return {bytes.data(), dtype, shape}; }
};

/// Mostly normal values with a few that are much larger, as real weights have them.
std::vector<float> heavy_tailed(int64_t n, uint64_t seed, float scale) {
  std::vector<float> values = normal_values(n, seed, scale);
  const std::vector<float> more = normal_values(n, seed + 1);
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::fabs(more[i]) > 2.8f) values[i] *= 8.0f * std::fabs(more[i]);
  }
  return values;
}

struct Comparison {
  int64_t different = 0;    // integers that differ
  int64_t other_zeros = 0;  // zeros not bit-equal
  int64_t other_steps = 0;  // matrices with another number of optimizer steps
  int64_t matrices = 0, integers = 0, groups = 0;
};

/// Compares what both made of one matrix; throws Failure with place and values beyond the tolerances.
void compare(const std::string& name, const QuantizedTensor& ours, const QuantStats& our_stats,
             const QuantizedTensor& cpu, const QuantStats& cpu_stats, Comparison& sums) {
  const int64_t n = cpu.rows * cpu.cols, groups = meta_count(cpu.scale);
  std::vector<uint8_t> q(static_cast<size_t>(n)), expected(q.size());
  unpack(ours, q.data());
  unpack(cpu, expected.data());
  std::vector<float> scale(static_cast<size_t>(groups)), zero(scale.size()), cpu_scale(scale.size()),
      cpu_zero(scale.size());
  meta_to_f32(ours.scale, scale.data());
  meta_to_f32(ours.zero, zero.data());
  meta_to_f32(cpu.scale, cpu_scale.data());
  meta_to_f32(cpu.zero, cpu_zero.data());
  std::vector<bool> flipped(scale.size());
  int64_t different = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<size_t>(i);
    const int off = std::abs(int{q[at]} - int{expected[at]});
    CHECK(off <= 1, name, ": integer ", i, " of ", n, " is ", int{q[at]}, ", expected ", int{expected[at]});
    if (off == 0) continue;
    ++different;
    flipped[static_cast<size_t>(groups == 1 ? 0 : cpu.config.axis == 1 ? i / cpu.cols : i % cpu.cols)] = true;
  }
  CHECK(static_cast<double>(different) <= 1e-3 * static_cast<double>(n), name, ": ", different, " of ", n,
        " integers differ");
  for (size_t i = 0; i < scale.size(); ++i) {
    CHECK(std::memcmp(&scale[i], &cpu_scale[i], 4) == 0, name, ": scale ", i, " is ", scale[i], ", expected ",
          cpu_scale[i]);
    sums.other_zeros += zero[i] != cpu_zero[i];
    if (cpu.config.quant_zero || flipped[i]) continue;
    CHECK(std::fabs(zero[i] - cpu_zero[i]) <= 1e-5f * std::fmax(1.0f, std::fabs(cpu_zero[i])), name, ": zero ", i,
          " is ", zero[i], ", expected ", cpu_zero[i]);
  }
  if (different == 0) {
    CHECK_EQ(ours.packed.bytes(), cpu.packed.bytes());
    CHECK(std::memcmp(ours.packed.data(), cpu.packed.data(), static_cast<size_t>(cpu.packed.bytes())) == 0, name,
          ": packed bytes differ");
  }
  const auto close = [&](const char* what, double got, double wanted) {
    CHECK(std::fabs(got - wanted) <= 2e-5 * std::fabs(wanted) + 1e-12 + (different > 0 ? 1e-3 * wanted : 0), name, ": ",
          what, " is ", got, ", expected ", wanted);
  };
  close("mean |error|", our_stats.mean_abs_error, cpu_stats.mean_abs_error);
  close("mean error^2", our_stats.mean_sq_error, cpu_stats.mean_sq_error);
  close("max |error|", our_stats.max_abs_error, cpu_stats.max_abs_error);
  close("mean |weight|", our_stats.mean_abs_weight, cpu_stats.mean_abs_weight);
  sums.different += different;
  sums.other_steps += our_stats.iterations != cpu_stats.iterations;
  ++sums.matrices;
  sums.integers += n;
  sums.groups += groups;
}

std::string describe(const QuantizeRequest& r) {
  const QuantConfig& c = r.config;
  return r.method + " " + to_string(r.weight.shape) + " " + std::string(to_string(r.weight.dtype)) + " " +
         std::to_string(c.nbits) + " bits g" + std::to_string(c.group_size) + " axis " + std::to_string(c.axis) +
         (c.channel_wise ? "" : " per tensor") + (c.round_zero ? " round_zero" : "") +
         (c.quant_zero ? " quant_zero" : "") + (c.quant_scale ? " quant_scale" : "") +
         (r.format == PackFormat::dense ? " dense" : "");
}

/// Runs every request on both; goes on after a failure and throws the first ones at the end.
void compare_all(const std::vector<QuantizeRequest>& requests) {
  const auto device = device_quantizer();
  NullReporter nobody;
  Comparison sums;
  std::string failures;
  int failed = 0;
  size_t started = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    while (started < requests.size() && device->has_room(requests[started])) device->start(requests[started++]);
    try {
      QuantStats stats, cpu_stats;
      const QuantizedTensor ours = device->finish(&stats, nobody);
      const QuantizedTensor cpu =
          quant_method(requests[i].method)
              .quantize(requests[i].weight, requests[i].config, requests[i].format, nullptr, &cpu_stats, &nobody);
      compare(describe(requests[i]), ours, stats, cpu, cpu_stats, sums);
    } catch (const std::exception& error) {
      if (++failed <= 12) failures += std::string("\n  ") + describe(requests[i]) + ": " + error.what();
    }
  }
  std::printf(
      "  %lld matrices, %lld integers (%lld differ), %lld zeros (%lld not bit-equal), %lld with other step counts\n",
      static_cast<long long>(sums.matrices), static_cast<long long>(sums.integers),
      static_cast<long long>(sums.different), static_cast<long long>(sums.groups),
      static_cast<long long>(sums.other_zeros), static_cast<long long>(sums.other_steps));
  if (failed > 0) FAIL(failed, " of ", requests.size(), " cases failed:", failures);
}

QuantizeRequest request_of(const Matrix& matrix, int nbits, int64_t group_size, int axis) {
  QuantizeRequest request;
  request.weight = matrix.view();
  request.config.nbits = nbits;
  request.config.group_size = group_size;
  request.config.axis = axis;
  request.config.round_zero = nbits == 4;
  request.method = "hqq";
  return request;
}

constexpr int kWidths[] = {8, 6, 5, 4, 3, 2, 1};
constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

}  // namespace

TEST("every width, group size and axis") {
  need_device();
  const Matrix even(heavy_tailed(128 * 512, 1, 0.02f), {128, 512}, DType::f16);
  const Matrix large(heavy_tailed(256 * 2048, 2, 0.02f), {256, 2048}, DType::bf16);
  std::vector<QuantizeRequest> requests;
  for (const int nbits : kWidths) {
    for (const int axis : {0, 1}) {
      for (const int64_t group : {8, 16, 32, 64, 128, 256, 512, 1024, 0})
        requests.push_back(request_of(even, nbits, group, axis));
      for (const int64_t group : {64, 1024, 4096, 8192, 0}) requests.push_back(request_of(large, nbits, group, axis));
    }
  }
  compare_all(requests);
}

TEST("odd shapes and group sizes, all types") {
  need_device();
  const std::vector<Shape> shapes = {{1, 8},    {3, 5},    {7, 24},   {13, 40},  {33, 96},
                                     {48, 120}, {100, 60}, {31, 352}, {5, 3000}, {700, 9}};
  std::vector<Matrix> matrices;
  uint64_t seed = 10;
  for (const Shape& shape : shapes) {
    for (const DType dtype : kTypes) matrices.emplace_back(heavy_tailed(numel(shape), seed += 2, 0.05f), shape, dtype);
  }
  std::vector<QuantizeRequest> requests;
  for (const Matrix& matrix : matrices) {
    for (const int nbits : kWidths) {
      for (const int axis : {0, 1}) {
        for (const int64_t group : {1, 2, 3, 5, 7, 8, 12, 20, 24, 40, 60, 96, 120, 150, 300, 0}) {
          if (group == 0 || numel(matrix.shape) % group == 0)
            requests.push_back(request_of(matrix, nbits, group, axis));
        }
      }
    }
  }
  compare_all(requests);
}

TEST("weights so large that the shrinkage matters") {
  need_device();
  std::vector<Matrix> matrices;
  for (const float scale : {0.5f, 3.0f, 40.0f}) {
    matrices.emplace_back(heavy_tailed(64 * 256, static_cast<uint64_t>(scale * 10), scale), Shape{64, 256}, DType::f32);
  }
  std::vector<QuantizeRequest> requests;
  for (const Matrix& matrix : matrices) {
    for (const int nbits : kWidths) {
      for (const int axis : {0, 1}) {
        for (const int64_t group : {8, 64, 128, 256, 1024, 2048, 0})
          requests.push_back(request_of(matrix, nbits, group, axis));
      }
    }
  }
  compare_all(requests);
}

TEST("round-to-nearest, per tensor, quantized zeros and scales") {
  need_device();
  const Matrix matrix(heavy_tailed(128 * 256, 99, 0.02f), {128, 256}, DType::f16);
  std::vector<QuantizeRequest> requests;
  for (const int nbits : kWidths) {
    for (const int axis : {0, 1}) {
      for (const int64_t group : {8, 16, 64, 0}) {
        QuantizeRequest request = request_of(matrix, nbits, group, axis);
        for (const int flags : {0, 1, 2, 3}) {
          for (const char* method : {"hqq", "rtn"}) {
            request.method = method;
            request.config.quant_zero = (flags & 1) != 0;
            request.config.quant_scale = (flags & 2) != 0;
            requests.push_back(request);
          }
        }
      }
      QuantizeRequest whole = request_of(matrix, nbits, 0, axis);
      whole.config.channel_wise = false;
      requests.push_back(whole);
    }
  }
  compare_all(requests);
}

TEST("special values: constant groups, tiny ranges, zeros, huge weights") {
  need_device();
  std::vector<float> values(64 * 64);
  const std::vector<float> random = normal_values(64 * 64, 5);
  for (size_t i = 0; i < values.size(); ++i) {
    switch (i / 64 % 8) {
      case 0: values[i] = 0; break;
      case 1: values[i] = 0.25f; break;
      case 2: values[i] = 1e-5f * random[i]; break;
      case 3: values[i] = 1e-30f * random[i]; break;
      case 4: values[i] = 1e15f * random[i]; break;
      case 5: values[i] = i % 2 == 0 ? -1.0f : 1.0f; break;
      case 6: values[i] = 100.0f + random[i]; break;
      default: values[i] = random[i]; break;
    }
  }
  const Matrix matrix(values, {64, 64}, DType::f32);
  std::vector<QuantizeRequest> requests;
  for (const int nbits : kWidths) {
    for (const int axis : {0, 1}) {
      for (const int64_t group : {8, 32, 64, 0}) requests.push_back(request_of(matrix, nbits, group, axis));
    }
  }
  compare_all(requests);
}

TEST("results of the official implementation") {
  need_device();
  const std::string root = HQQ_TEST_DATA "/quant";
  const Json index = read_json_file(root + "/quant/index.json");
  std::vector<TensorStore> stores;
  std::vector<QuantizeRequest> requests;
  std::vector<std::string> keys;
  std::vector<size_t> owners;
  const auto& matrices = index.at("matrices").as_array();
  for (const Json& matrix : matrices) stores.push_back(TensorStore::open(root + "/" + matrix.at("file").as_string()));
  for (size_t m = 0; m < matrices.size(); ++m) {
    for (const Json& c : matrices[m].at("cases").as_array()) {
      QuantizeRequest request;
      request.weight = stores[m].view("W");
      request.config.nbits = static_cast<int>(c.at("nbits").as_int());
      request.config.group_size = c.get("group_size", int64_t{0});
      request.config.axis = static_cast<int>(c.at("axis").as_int());
      request.config.round_zero = c.get("round_zero", request.config.nbits == 4);
      request.method = "hqq";
      request.format = PackFormat::interchange;
      requests.push_back(request);
      keys.push_back(c.at("case").as_string());
      owners.push_back(m);
    }
  }
  compare_all(requests);
  // The packed bytes are the reference's own where no integer differs; the comparison above allows for a few.
  const auto device = device_quantizer();
  NullReporter nobody;
  int same = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    device->start(requests[i]);
    const QuantizedTensor ours = device->finish(nullptr, nobody);
    const TensorView golden = stores[owners[i]].view(keys[i] + ".packed");
    CHECK(ours.packed_shape == golden.shape && ours.packed.bytes() == golden.bytes(), keys[i]);
    same += std::memcmp(ours.packed.data(), golden.data, static_cast<size_t>(golden.bytes())) == 0;
  }
  std::printf("  %d of %zu packed matrices are the reference's byte for byte\n", same, requests.size());
  CHECK(same * 100 >= static_cast<int>(requests.size()) * 95, same, " of ", requests.size());
}

TEST("each group's best step is never worse than the common one") {
  need_device();
  const Matrix matrix(heavy_tailed(512 * 1024, 77, 0.02f), {512, 1024}, DType::f16);
  const auto common = device_quantizer(false), best = device_quantizer(true);
  NullReporter nobody;
  std::printf("  %-22s %12s %12s | %12s %12s\n", "", "|e| common", "|e| best", "e^2 common", "e^2 best");
  for (const auto& [nbits, group, axis] : std::vector<std::array<int, 3>>{{8, 128, 1},
                                                                          {4, 64, 1},
                                                                          {4, 64, 0},
                                                                          {3, 64, 1},
                                                                          {2, 16, 1},
                                                                          {2, 64, 0},
                                                                          {1, 32, 1},
                                                                          {4, 0, 1},
                                                                          {4, 0, 0},
                                                                          {3, 1024, 1}}) {
    const QuantizeRequest request = request_of(matrix, nbits, group, axis);
    QuantStats a, b;
    common->start(request);
    common->finish(&a, nobody);
    best->start(request);
    best->finish(&b, nobody);
    std::printf("  %d bits g%-5d axis %d     %12.6g %12.6g | %12.6g %12.6g\n", nbits, group, axis, a.mean_abs_error,
                b.mean_abs_error, a.mean_sq_error, b.mean_sq_error);
    CHECK(b.mean_abs_error <= a.mean_abs_error * (1 + 1e-6), describe(request), ": ", b.mean_abs_error, " against ",
          a.mean_abs_error);
  }
}

TEST("scales and zeros come in the type they are stored in") {
  need_device();
  const Matrix matrix(heavy_tailed(64 * 256, 31, 0.02f), {64, 256}, DType::f16);
  const auto device = device_quantizer();
  NullReporter nobody;
  for (const DType dtype : kTypes) {
    QuantizeRequest request = request_of(matrix, 4, 64, 1);
    request.meta_dtype = dtype;
    device->start(request);
    const QuantizedTensor ours = device->finish(nullptr, nobody);
    const auto cpu = cpu_quantizer();
    cpu->start(request);
    const QuantizedTensor expected = cpu->finish(nullptr, nobody);
    for (const auto& [mine, theirs] :
         {std::pair{&ours.scale, &expected.scale}, std::pair{&ours.zero, &expected.zero}}) {
      CHECK(mine->dtype == dtype && mine->shape == theirs->shape);
      CHECK_EQ(mine->values.bytes(), theirs->values.bytes());
      CHECK(std::memcmp(mine->values.data(), theirs->values.data(), static_cast<size_t>(theirs->values.bytes())) == 0,
            to_string(dtype));
    }
  }
}

TEST("repeated runs give the same bytes") {
  need_device();
  const Matrix matrix(heavy_tailed(512 * 2048, 3, 0.02f), {512, 2048}, DType::f16);
  NullReporter nobody;
  for (const int64_t group : {16, 64, 256, 2048, 0}) {
    QuantizedTensor first;
    QuantStats first_stats;
    for (int run = 0; run < 5; ++run) {
      const auto device = device_quantizer();
      device->start(request_of(matrix, 4, group, 1));
      QuantStats stats;
      QuantizedTensor now = device->finish(&stats, nobody);
      if (run == 0) {
        first = std::move(now);
        first_stats = stats;
        continue;
      }
      CHECK(std::memcmp(now.packed.data(), first.packed.data(), static_cast<size_t>(first.packed.bytes())) == 0, group);
      CHECK(std::memcmp(now.zero.values.data(), first.zero.values.data(),
                        static_cast<size_t>(first.zero.values.bytes())) == 0,
            group);
      CHECK_EQ(stats.mean_abs_error, first_stats.mean_abs_error);
      CHECK_EQ(stats.iterations, first_stats.iterations);
    }
  }
}

TEST("a bad weight is named, and the next matrix works") {
  need_device();
  const auto device = device_quantizer();
  NullReporter nobody;
  std::vector<float> values = normal_values(64 * 256, 8, 0.02f);
  const Matrix good(values, {64, 256}, DType::f32);
  for (const float bad : {NAN, INFINITY, -INFINITY, 3e38f}) {
    for (const int64_t group : {64, 0}) {
      for (const int axis : {0, 1}) {
        values[3 * 256 + 17] = bad;
        const Matrix matrix(values, {64, 256}, DType::f32);
        device->start(request_of(matrix, 4, group, axis));
        try {
          device->finish(nullptr, nobody);
          FAIL("no error for ", bad);
        } catch (const EngineError& error) {
          CHECK(error.code() == ErrorCode::bad_weights, error.what());
          CHECK(std::string(error.what()).find("17") != std::string::npos, error.what());
        }
      }
    }
  }
  device->start(request_of(good, 4, 64, 1));
  device->finish(nullptr, nobody);
}

TEST("what does not fit is refused before anything runs") {
  need_device();
  const auto device = device_quantizer();
  const Matrix matrix(normal_values(30 * 10, 1), {30, 10}, DType::f32);
  CHECK_THROWS_CODE(device->start(request_of(matrix, 4, 64, 1)), bad_input);
  CHECK_THROWS_CODE(device->start(request_of(matrix, 7, 10, 1)), bad_input);
  QuantizeRequest request = request_of(matrix, 4, 20, 1);  // 15 rows of the view
  request.format = PackFormat::interchange;
  CHECK_THROWS_CODE(device->start(request), bad_input);
}

TEST("every allocation may fail: out of memory, nothing leaks, the next matrix works") {
  need_device();
  const Matrix matrix(heavy_tailed(256 * 512, 4, 0.02f), {256, 512}, DType::f16);
  const QuantizeRequest request = request_of(matrix, 4, 64, 1);
  NullReporter nobody;
  const int64_t before = cuda::device_account(0).live_total(), pinned = cuda::pinned_bytes();
  int64_t count = cuda::allocation_count();
  {
    const auto device = device_quantizer();
    device->start(request);
    device->finish(nullptr, nobody);
  }
  count = cuda::allocation_count() - count;
  CHECK(count >= 4, count);
  for (int64_t nth = 1; nth <= count; ++nth) {
    cuda::fail_allocation(nth);
    CHECK_THROWS_CODE(
        [&] {
          const auto device = device_quantizer();
          device->start(request);
          device->finish(nullptr, nobody);
        }(),
        out_of_memory);
    CHECK_EQ(cuda::device_account(0).live_total(), before);
    CHECK_EQ(cuda::pinned_bytes(), pinned);
    // The same quantizer goes on where the failure was not its own creation.
    cuda::fail_allocation(nth);
    std::unique_ptr<Quantizer> device;
    try {
      device = device_quantizer();
      device->start(request);
      device->finish(nullptr, nobody);
    } catch (const EngineError&) {
    }
    if (device) {
      device->start(request);
      device->finish(nullptr, nobody);
    }
  }
  cuda::fail_allocation(0);
  std::printf("  %lld allocation sites\n", static_cast<long long>(count));
}

TEST("the device has as much free memory after many quantizers as before") {
  need_device();
  const Matrix matrix(heavy_tailed(512 * 1024, 6, 0.02f), {512, 1024}, DType::f16);
  NullReporter nobody;
  const auto run = [&] {
    const auto device = device_quantizer();
    device->start(request_of(matrix, 4, 64, 1));
    device->finish(nullptr, nobody);
  };
  run();  // what the driver keeps for itself
  size_t before = 0, after = 0, total = 0;
  CHECK(cudaMemGetInfo(&before, &total) == cudaSuccess);
  for (int i = 0; i < 50; ++i) run();
  CHECK(cudaMemGetInfo(&after, &total) == cudaSuccess);
  CHECK(after + (size_t{4} << 20) >= before, before - after);
}

TEST("dropping a quantizer with matrices under way leaves nothing") {
  need_device();
  const Matrix matrix(heavy_tailed(512 * 1024, 4, 0.02f), {512, 1024}, DType::f16);
  const int64_t before = cuda::device_account(0).live_total();
  for (int i = 0; i < 5; ++i) {
    const auto device = device_quantizer();
    const QuantizeRequest request = request_of(matrix, 4, 64, 1);
    while (device->has_room(request)) device->start(request);
  }
  CHECK_EQ(cuda::device_account(0).live_total(), before);
}

}  // namespace hqq
