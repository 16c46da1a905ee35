// Choosing an id and losses on a device, and the small operations on rows, against the processor.
#include "cuda/sampling.cuh"

#include <algorithm>
#include <cmath>

#include "core/dtype.h"
#include "cuda/rows.cuh"
#include "model/sampler.h"
#include "tests/cuda/support/op_bench.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

using namespace hqq;
using namespace hqq::cuda;
using hqq::test::normal_values;

namespace {

// Relative to the root mean square of a result; results of the last two are float16.
constexpr double kLoss = 1e-5, kHalf = 1e-3;

}  // namespace

TEST("greedy choice: the processor's id, with and without a penalty, and the state it leaves") {
  test::need_device();
  const test::OpBench bench;
  for (const int vocab : {1, 31, 1000, 32000, 50257})
    for (const float penalty : {1.0f, 1.3f}) {
      auto logits = normal_values(vocab, static_cast<uint64_t>(vocab));
      if (vocab > 40) logits[static_cast<size_t>(vocab - 7)] = logits[17] = 9.0f;  // a tie goes to the lower id
      Sampler sampler({.repetition_penalty = penalty}, vocab);
      std::vector<uint8_t> seen(static_cast<size_t>(vocab), 0);
      for (int id = 0; id < vocab; id += 17) {
        seen[static_cast<size_t>(id)] = 1;
        sampler.saw(id);
      }
      const DeviceBuffer device_logits = bench.up(logits), device_seen = bench.up(seen);
      const DeviceBuffer state =
          bench.up(std::vector<DecodeState>{{.token = -1, .position = 41, .step = 66, .penalty = penalty}});
      const PinnedBuffer chosen(kChosenSlots * 8);
      std::fill_n(chosen.as<unsigned long long>(), kChosenSlots, 0ull);
      choose_greedy({device_logits.as<float>(), vocab, device_seen.as<uint8_t>(), state.as<DecodeState>(),
                     chosen.as<unsigned long long>()},
                    bench.target);
      const DecodeState after = bench.down<DecodeState>(state).front();
      const int expected = sampler.pick(logits);
      CHECK_EQ(after.token, expected);
      CHECK_EQ(after.position, 42);
      CHECK_EQ(after.step, 67);
      CHECK_EQ(chosen.as<unsigned long long>()[66 % kChosenSlots], 67ull << 32 | static_cast<unsigned>(expected));
      if (penalty != 1.0f) CHECK_EQ(int{bench.down<uint8_t>(device_seen)[static_cast<size_t>(expected)]}, 1);
    }
}

TEST("losses of rows") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  for (const int vocab : {5, 300, 32001}) {
    constexpr int rows = 9;
    const auto logits = normal_values(rows * vocab, 2, 5.0f);
    std::vector<int> targets;
    std::vector<double> expected;
    for (int r = 0; r < rows; ++r) {
      const float* row = logits.data() + r * vocab;
      targets.push_back(r * 7919 % vocab);
      double sum = 0;
      for (int i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(row[i]));
      expected.push_back(std::log(sum) - row[targets.back()]);
    }
    const DeviceBuffer device_logits = bench.up(logits), device_targets = bench.up(targets),
                       loss = bench.poisoned(rows * 4);
    row_losses(device_logits.as<float>(), rows, vocab, device_targets.as<int>(), loss.as<float>(), bench.target);
    verdict.compare("vocabulary of " + std::to_string(vocab), bench.down<float>(loss), expected, kLoss);
  }
  verdict.done("losses");
}

TEST("rows: norm and gate") {
  test::need_device();
  const test::OpBench bench;
  test::Verdict verdict;
  for (const int cols : {8, 72, 1000, 4096}) {
    constexpr int tokens = 5;
    const auto x = normal_values(tokens * cols, 3, 4.0f), weight = normal_values(cols, 4);
    const DeviceBuffer device_x = bench.up(x), device_weight = bench.up(weight), y = bench.poisoned(tokens * cols * 2);
    rms_norm(device_x.as<float>(), device_weight.as<float>(), 1e-5f, tokens, cols, y.data(), false, bench.target);
    std::vector<double> expected, gated;
    for (int t = 0; t < tokens; ++t) {
      double square = 0;
      for (int i = 0; i < cols; ++i)
        square += static_cast<double>(x[static_cast<size_t>(t * cols + i)]) * x[static_cast<size_t>(t * cols + i)];
      for (int i = 0; i < cols; ++i) {
        const double v = x[static_cast<size_t>(t * cols + i)];
        expected.push_back(v / std::sqrt(square / cols + 1e-5) * weight[static_cast<size_t>(i)]);
        gated.push_back(v / (1.0 + std::exp(-v)) * v);
      }
    }
    const auto floats = [&](const DeviceBuffer& from) {
      std::vector<float> values;
      for (const uint16_t h : bench.down<uint16_t>(from)) values.push_back(f16_to_f32(h));
      return values;
    };
    verdict.compare("norm of " + std::to_string(cols), floats(y), expected, 4 * kHalf);
    const DeviceBuffer act = bench.poisoned(tokens * cols * 2);
    gate(device_x.as<float>(), device_x.as<float>(), tokens * cols, act.data(), false, bench.target);
    verdict.compare("gate of " + std::to_string(cols), floats(act), gated, 8 * kHalf);
  }
  verdict.done("rows");
}
