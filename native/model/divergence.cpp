#include "model/divergence.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "core/arena.h"
#include "core/thread_pool.h"

namespace hqq {
namespace {

/// Of each source's rows; the whole vocabulary of one position at least.
constexpr int64_t kRowBytes = int64_t{32} << 20;
constexpr int64_t kMostRows = 256;

int64_t rows_at_once(int64_t vocab) { return std::clamp<int64_t>(kRowBytes / (vocab * 4), 1, kMostRows); }

int64_t top_of(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

/// Calls step(first_target, count) for every run of rows of every window.
template <typename Begin, typename Step>
DivergenceSummary walk(std::span<const int32_t> ids, int64_t window, int64_t rows, const Begin& begin, const Step& step,
                       Reporter& reporter) {
  const auto start = std::chrono::steady_clock::now();
  const auto windows = plan_windows(static_cast<int64_t>(ids.size()),
                                    {.protocol = PerplexityProtocol::windows, .window = window});
  const int64_t total = static_cast<int64_t>(windows.size()) * (window - 1);
  DivergenceSummary summary;
  for (const ScoredWindow& w : windows) {
    begin(ids.subspan(static_cast<size_t>(w.begin), static_cast<size_t>(w.end - w.begin)));
    for (int64_t target = w.first_target; target < w.end;) {
      check_cancelled(reporter);
      const int64_t count = std::min(rows, w.end - target);
      step(target, count);
      target += count;
      summary.tokens += count;
      reporter.progress("{\"phase\":\"divergence\",\"done\":" + std::to_string(summary.tokens) +
                        ",\"total\":" + std::to_string(total) + "}");
    }
    summary.windows += 1;
  }
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

}  // namespace

TokenDivergence compare_logits(std::span<const float> reference, std::span<const float> other, int32_t target) {
  require(reference.size() == other.size() && static_cast<size_t>(target) < reference.size(), ErrorCode::internal,
          "divergence: rows of different sizes");
  const int64_t p_top = top_of(reference), q_top = top_of(other);
  const double p_max = reference[static_cast<size_t>(p_top)], q_max = other[static_cast<size_t>(q_top)];
  double p_sum = 0, q_sum = 0, weighted = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double a = reference[i] - p_max, b = other[i] - q_max, p = std::exp(a);
    p_sum += p;
    q_sum += std::exp(b);
    weighted += p * (a - b);
  }
  // ln p = a - ln p_sum, ln q = b - ln q_sum.
  const double p_log = std::log(p_sum), q_log = std::log(q_sum);
  TokenDivergence result;
  result.kl = std::max(0.0, weighted / p_sum - p_log + q_log);
  result.reference_nll = p_log + p_max - reference[static_cast<size_t>(target)];
  result.other_nll = q_log + q_max - other[static_cast<size_t>(target)];
  result.reference_top = static_cast<int32_t>(p_top);
  result.other_top = static_cast<int32_t>(q_top);
  result.reference_top_nll = p_log;
  result.other_top_nll = q_log;
  require(std::isfinite(weighted) && std::isfinite(p_sum) && std::isfinite(q_sum), ErrorCode::bad_weights,
          "a model gives logits that are not numbers, so the two cannot be compared; quantize it again from a sound source");
  return result;
}

DivergenceSummary read_windows(std::span<const int32_t> ids, int64_t window, LogitSource& source, const LogitRows& each,
                               Reporter& reporter) {
  const int64_t rows = rows_at_once(source.vocab_size());
  const Buffer logits(rows * source.vocab_size() * 4, MemoryUse::scratch);
  return walk(
      ids, window, rows, [&](std::span<const int32_t> part) { source.begin(part); },
      [&](int64_t first_target, int64_t count) {
        source.next(count, logits.as<float>(), reporter);
        each(first_target, count, logits.as<float>());
      },
      reporter);
}

DivergenceSummary measure_divergence(std::span<const int32_t> ids, int64_t window, LogitSource& reference,
                                     LogitSource& other, const Divergences& each, Reporter& reporter) {
  const int64_t vocab = reference.vocab_size();
  require(vocab == other.vocab_size(), ErrorCode::bad_input,
          "the models have vocabularies of " + std::to_string(vocab) + " and " + std::to_string(other.vocab_size()) +
              " tokens; only versions of one model can be compared");
  const int64_t rows = rows_at_once(vocab);
  const Buffer p(rows * vocab * 4, MemoryUse::scratch), q(rows * vocab * 4, MemoryUse::scratch);
  const auto begin = [&](std::span<const int32_t> part) {
    reference.begin(part);
    other.begin(part);
  };
  std::vector<TokenDivergence> found;
  const auto step = [&](int64_t first_target, int64_t count) {
    reference.next(count, p.as<float>(), reporter);
    other.next(count, q.as<float>(), reporter);
    found.resize(static_cast<size_t>(count));
    parallel_for(count, 1, [&](int64_t from, int64_t to) {
      for (int64_t row = from; row < to; ++row) {
        const auto at = static_cast<size_t>(row * vocab), size = static_cast<size_t>(vocab);
        found[static_cast<size_t>(row)] =
            compare_logits(p.span<const float>().subspan(at, size), q.span<const float>().subspan(at, size),
                           ids[static_cast<size_t>(first_target + row)]);
      }
    });
    each(first_target, found);
  };
  return walk(ids, window, rows, begin, step, reporter);
}

}  // namespace hqq
