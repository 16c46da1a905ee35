// Comparing logits and generated ids with what a reference computed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "io/safetensors.h"
#include "model/model.h"
#include "tests/support/check.h"

namespace hqq::test {

/// Token ids of an I64 tensor [rows, cols] or [cols].
inline std::vector<std::vector<int32_t>> id_rows(const TensorView& view) {
  const int64_t rows = view.shape.size() == 2 ? view.shape[0] : 1, cols = view.shape.back();
  std::vector<std::vector<int32_t>> ids(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) {
      int64_t id;
      std::memcpy(&id, static_cast<const char*>(view.data) + (r * cols + c) * 8, 8);
      ids[static_cast<size_t>(r)].push_back(static_cast<int32_t>(id));
    }
  return ids;
}

inline std::vector<float> logits_of(Model& model, const std::vector<std::vector<int32_t>>& ids,
                                    Numerics numerics = Numerics::exact) {
  NullReporter reporter;
  std::vector<float> out(ids.size() * ids[0].size() * static_cast<size_t>(model.info().config.vocab_size));
  model.logits(ids, out, numerics, reporter);
  return out;
}

struct Difference {
  double max = 0, mean = 0, top1 = 0;
};

inline Difference compare(const std::vector<float>& ours, const TensorView& golden) {
  CHECK_EQ(static_cast<int64_t>(ours.size()), golden.numel());
  std::vector<float> theirs(ours.size());
  to_f32(golden.data, golden.dtype, theirs.data(), golden.numel());
  Difference d;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double off = std::fabs(ours[i] - theirs[i]);
    CHECK(std::isfinite(ours[i]), "logit ", i, " is not finite");
    d.max = std::max(d.max, off);
    d.mean += off / static_cast<double>(ours.size());
  }
  const auto vocab = static_cast<std::ptrdiff_t>(golden.shape.back());
  int64_t rows = 0, same = 0;
  for (const float *a = ours.data(), *b = theirs.data(); a != ours.data() + ours.size(); a += vocab, b += vocab, ++rows)
    same += std::max_element(a, a + vocab) - a == std::max_element(b, b + vocab) - b;
  d.top1 = static_cast<double>(same) / static_cast<double>(rows);
  return d;
}

/// Loads a folder in float32.
inline std::unique_ptr<Model> load(const std::string& dir, int64_t context = 0, DType compute = DType::f32) {
  NullReporter reporter;
  return Model::load(dir, {.compute_dtype = compute, .context_length = context}, reporter);
}

inline GenerateResult greedy(Model& model, const std::vector<int32_t>& ids, size_t count, double penalty = 1.0,
                             std::vector<int32_t> stop = {}, Numerics numerics = Numerics::fast) {
  NullReporter reporter;
  GenerateOptions options;
  options.max_new_tokens = static_cast<int64_t>(count);
  options.stop_ids = std::move(stop);
  options.numerics = numerics;
  options.sampling.repetition_penalty = penalty;
  return model.generate(
      ids, options, [](int32_t) {}, reporter);
}

}  // namespace hqq::test
