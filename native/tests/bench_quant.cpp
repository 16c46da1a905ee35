// How fast quantizing is: time, weights read per second, and the ratio to plain round-to-nearest on the same matrix.
// Usage: bench_quant [rows cols]   (default 4096 4096; HQQ_SIMD and HQQ_THREADS limit what is run)
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"

namespace {

using namespace hqq;

constexpr int kRepeats = 7;

struct Case {
  int nbits;
  int64_t group_size;
  int axis;
};
constexpr std::array<Case, 9> kCases = {{{4, 64, 1}, {4, 64, 0}, {2, 16, 1}, {2, 16, 0}, {3, 64, 1}, {8, 64, 1}, {5, 64, 1}, {4, 0, 1}, {4, 0, 0}}};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) times.push_back(seconds_of(work));
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

/// Gaussian weights with the spread of a language model's, as float16.
Buffer random_weights(int64_t n) {
  Buffer weights(n * 2, MemoryUse::scratch);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (uint16_t& w : weights.span<uint16_t>()) w = f32_to_f16(normal(random));
  return weights;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rows = argc > 2 ? std::atoll(argv[1]) : 4096, cols = argc > 2 ? std::atoll(argv[2]) : 4096;
  if (const char* threads = std::getenv("HQQ_THREADS")) set_thread_count(std::atoi(threads));
  const Buffer weights = random_weights(rows * cols);
  const TensorView view{weights.data(), DType::f16, {rows, cols}};
  const Buffer back(rows * cols * 4, MemoryUse::scratch);
  std::vector<SimdLevel> levels = available_simd_levels();
  if (std::getenv("HQQ_SIMD") != nullptr) levels = {active_simd_level()};

  std::printf("%lld x %lld float16, %d threads, median of %d\n", static_cast<long long>(rows), static_cast<long long>(cols),
              thread_count(), kRepeats);
  std::printf("%-16s %-7s %6s %9s %8s %9s %7s %11s\n", "config", "level", "steps", "hqq (s)", "GB/s", "rtn (s)", "hqq/rtn",
              "dequant (s)");
  for (const SimdLevel level : levels) {
    set_simd_level(level);
    for (const Case& c : kCases) {
      QuantConfig config;
      config.nbits = c.nbits;
      config.group_size = c.group_size;
      config.axis = c.axis;
      config.round_zero = c.nbits == 4;
      QuantConfig rtn = config;
      rtn.optimize = false;
      QuantStats stats;
      QuantizedTensor result;
      const double hqq_time = median_seconds([&] { result = quantize(view, config, PackFormat::dense, &stats); });
      const double rtn_time = median_seconds([&] { quantize(view, rtn, PackFormat::dense); });
      const double back_time = median_seconds([&] { dequantize(result, back.as<float>()); });
      char name[32];
      std::snprintf(name, sizeof(name), "%d-bit g%s a%d", c.nbits, c.group_size == 0 ? "none" : std::to_string(c.group_size).c_str(), c.axis);
      std::printf("%-16s %-7s %6d %9.3f %8.2f %9.3f %7.1f %11.3f\n", name, std::string(to_string(level)).c_str(), stats.iterations,
                  hqq_time, static_cast<double>(weights.bytes()) / hqq_time * 1e-9, rtn_time, hqq_time / rtn_time, back_time);
      std::fflush(stdout);
    }
  }
  return 0;
}
