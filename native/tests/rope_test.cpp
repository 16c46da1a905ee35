// Rotary frequencies and rotation. The scaled variants are also covered end to end by tests/model_golden_test.cpp.
#include <cmath>

#include "cpu/reference.h"
#include "model/rope.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

using namespace hqq;

TEST("default frequencies fall geometrically from 1") {
  const auto f = rope_frequencies({.theta = 10000.0, .rotary_dim = 8}, 0);
  CHECK_EQ(f.size(), size_t{4});
  const double expected[] = {1.0, 0.1, 0.01, 0.001};
  for (size_t i = 0; i < 4; ++i) CHECK_NEAR(f[i], expected[i], 1e-7);
}

TEST("linear scaling divides them") {
  const auto f =
      rope_frequencies({.theta = 10000.0, .rotary_dim = 8, .scaling = RopeScaling::linear, .factor = 4.0}, 0);
  CHECK_NEAR(f[0], 0.25, 1e-7);
  CHECK_NEAR(f[3], 0.00025, 1e-9);
}

TEST("dynamic scaling starts beyond the trained length and grows") {
  const RopeConfig rope{.theta = 10000.0,
                        .rotary_dim = 64,
                        .scaling = RopeScaling::dynamic,
                        .factor = 2.0,
                        .original_max_position = 2048};
  const auto trained = rope_frequencies(rope, 2048), shorter = rope_frequencies(rope, 100),
             longer = rope_frequencies(rope, 4096);
  CHECK(trained == shorter);
  CHECK(trained == rope_frequencies({.theta = 10000.0, .rotary_dim = 64}, 0));
  const double theta = 10000.0 * std::pow(2.0 * 4096 / 2048 - 1.0, 64.0 / 62.0);
  for (size_t i = 0; i < longer.size(); ++i)
    CHECK_NEAR(longer[i], std::pow(theta, -2.0 * static_cast<double>(i) / 64.0), 1e-7);
}

TEST("llama3 scaling keeps short waves, stretches long ones, blends between") {
  const RopeConfig rope{.theta = 500000.0,
                        .rotary_dim = 128,
                        .scaling = RopeScaling::llama3,
                        .factor = 8.0,
                        .low_freq_factor = 1.0,
                        .high_freq_factor = 4.0,
                        .original_max_position = 8192};
  const auto scaled = rope_frequencies(rope, 0), plain = rope_frequencies({.theta = 500000.0, .rotary_dim = 128}, 0);
  CHECK_EQ(scaled[0], plain[0]);
  CHECK_NEAR(scaled[63], plain[63] / 8.0, 1e-12);
  int blended = 0;
  for (size_t i = 0; i < 64; ++i) {
    CHECK(scaled[i] <= plain[i] && scaled[i] >= plain[i] / 8.0f * 0.999f);
    blended += scaled[i] < plain[i] * 0.999f && scaled[i] > plain[i] / 8.0f * 1.001f;
  }
  CHECK(blended > 0);
}

TEST("rotation pairs i with i + half and leaves the rest of a partly rotated head") {
  const auto source = test::normal_values(24, 1);
  RopeTable table;
  fill_rope_table(rope_frequencies({.theta = 10000.0, .rotary_dim = 16}, 0), 1.0, 5, 2, table);
  CHECK_EQ(table.half, 8);
  CHECK_NEAR(table.cos_row(1)[0], std::cos(6.0), 1e-6);
  CHECK_NEAR(table.sin_row(0)[1], std::sin(5.0 * 0.31622776601683794), 1e-6);
  auto head = source, want = source;
  rotate_head(head.data(), table.cos_row(1), table.sin_row(1), table.half);
  reference::rope(want.data(), table.cos_row(1), table.sin_row(1), 16);
  for (size_t i = 0; i < 24; ++i) CHECK_NEAR(head[i], want[i], 1e-6);
  for (size_t i = 16; i < 24; ++i) CHECK_EQ(head[i], source[i]);
}
