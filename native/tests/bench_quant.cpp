// How fast quantizing is: time, weights read per second, and the ratio to plain round-to-nearest on the same matrix. Processor
// time is printed beside wall time, since it hardly changes when other programs want the cores.
// Usage: bench_quant [rows cols]   (default 4096 4096; HQQ_SIMD and HQQ_THREADS limit what is run)
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
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

struct Times {
  double wall = 0, cpu = 0;  // seconds; cpu of all threads together
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRepeats / 2, values.end());
  return values[kRepeats / 2];
}

Times median_times(const std::function<void()>& work) {
  std::vector<double> wall, cpu;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    work();
    cpu.push_back(static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
    wall.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return {median(wall), median(cpu)};
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
  std::printf("%-14s %-7s %5s | %8s %8s %6s | %8s %8s | %8s %8s | %9s\n", "config", "level", "steps", "hqq s", "cpu s", "GB/s",
              "rtn s", "cpu s", "hqq/rtn", "cpu", "dequant s");
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
      const Times hqq_time = median_times([&] { result = quantize(view, config, PackFormat::dense, &stats); });
      const Times rtn_time = median_times([&] { quantize(view, rtn, PackFormat::dense); });
      const Times back_time = median_times([&] { dequantize(result, back.as<float>()); });
      const std::string group = c.group_size == 0 ? "none" : std::to_string(c.group_size);
      const std::string name = std::to_string(c.nbits) + "-bit g" + group + " a" + std::to_string(c.axis);
      std::printf("%-14s %-7s %5d | %8.3f %8.3f %6.2f | %8.3f %8.3f | %8.1f %8.1f | %9.3f\n", name.c_str(),
                  std::string(to_string(level)).c_str(), stats.iterations, hqq_time.wall, hqq_time.cpu,
                  static_cast<double>(weights.bytes()) / hqq_time.wall * 1e-9, rtn_time.wall, rtn_time.cpu,
                  hqq_time.wall / rtn_time.wall, hqq_time.cpu / rtn_time.cpu, back_time.wall);
      std::fflush(stdout);
    }
  }
  return 0;
}
