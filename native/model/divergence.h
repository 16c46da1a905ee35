// How far the next-token distributions of one model are from those of another on the same ids: Kullback-Leibler
// divergence in nats at temperature 1, KL(reference || other), position by position, in memory that does not grow with
// the text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/job.h"
#include "model/perplexity.h"

namespace hqq {

/// What two distributions over the id that comes next have to do with each other, and with the id that did come.
struct TokenDivergence {
  double kl = 0;  // sum p ln(p / q) over the vocabulary, p the reference; nats, never negative
  double reference_nll = 0, other_nll = 0;          // -ln of the probability of the id that came
  int32_t reference_top = 0, other_top = 0;         // the likeliest id; the lower one of equals
  double reference_top_nll = 0, other_top_nll = 0;  // -ln of its probability
};

/// From one row of logits of each, equally long, summed in double precision. Throws EngineError{bad_weights} for logits
/// that are not finite.
TokenDivergence compare_logits(std::span<const float> reference, std::span<const float> other, int32_t target);

/// Float32 logits of windows of ids, in order and a few rows at a time.
class LogitSource {
 public:
  virtual ~LogitSource() = default;
  virtual int64_t vocab_size() const = 0;
  /// The next window, read from an empty cache.
  virtual void begin(std::span<const int32_t> ids) = 0;
  /// [count][vocab_size] of its next positions.
  virtual void next(int64_t count, float* out, Reporter& reporter) = 0;
};

/// A loaded model as a source.
class ModelLogits final : public LogitSource {
 public:
  ModelLogits(Model& model, Numerics numerics) : model_(model), numerics_(numerics) {}
  int64_t vocab_size() const override { return model_.info().config.vocab_size; }
  void begin(std::span<const int32_t> ids) override { model_.begin_logits(ids, numerics_); }
  void next(int64_t count, float* out, Reporter& reporter) override { model_.next_logits(count, out, reporter); }

 private:
  Model& model_;
  Numerics numerics_;
};

struct DivergenceSummary {
  int64_t tokens = 0;  // positions compared
  int64_t windows = 0;
  double seconds = 0;
};

/// Rows of logits [count][vocab] of the positions that predict ids [first_target, first_target + count) of the stream.
using LogitRows = std::function<void(int64_t first_target, int64_t count, const float* rows)>;
/// Divergences of the predictions of ids [first_target, ...) of the stream.
using Divergences = std::function<void(int64_t first_target, std::span<const TokenDivergence>)>;

/// Walks through disjoint windows of `window` ids (the last, incomplete one is dropped; see PerplexityProtocol::windows)
/// and hands over the logits of all positions that predict an id of their window. Progress
/// {"phase":"divergence","done":tokens,"total":tokens}. Throws EngineError{bad_input|cancelled} and what the source
/// throws.
DivergenceSummary read_windows(std::span<const int32_t> ids, int64_t window, LogitSource& source, const LogitRows& each,
                               Reporter& reporter);

/// The same walk through two sources with equal vocabularies, comparing them.
DivergenceSummary measure_divergence(std::span<const int32_t> ids, int64_t window, LogitSource& reference,
                                     LogitSource& other, const Divergences& each, Reporter& reporter);

}  // namespace hqq
