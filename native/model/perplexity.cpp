#include "model/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

namespace hqq {
namespace {

/// llama2_benchmark's eval_wikitext2: a window's mean loss counts as often as it has new ids, the never predicted first
/// id of the stream included, and the sum is divided by all ids.
std::vector<ScoredWindow> sliding_windows(int64_t count, int64_t window, int64_t stride) {
  require(stride >= 1 && stride <= window, ErrorCode::bad_input,
          "perplexity: stride must be from 1 to the window size");
  std::vector<ScoredWindow> windows;
  for (int64_t i = 0; i < count; i += stride) {
    const int64_t begin = std::max<int64_t>(i + stride - window, 0), end = std::min(i + stride, count);
    const int64_t first = std::max(i, begin + 1);
    // A last window of nothing but an unpredictable id (count 1 mod stride, stride = window) has no loss to add.
    if (first < end) windows.push_back({begin, end, first, static_cast<double>(end - i)});
  }
  return windows;
}

std::vector<ScoredWindow> disjoint_windows(int64_t count, int64_t window) {
  std::vector<ScoredWindow> windows;
  for (int64_t begin = 0; begin + window <= count; begin += window)
    windows.push_back({begin, begin + window, begin + 1, static_cast<double>(window - 1)});
  return windows;
}

}  // namespace

std::vector<ScoredWindow> plan_windows(int64_t count, const PerplexityOptions& options) {
  require(options.window >= 2, ErrorCode::bad_input, "perplexity: the window must hold at least 2 tokens");
  auto windows = options.protocol == PerplexityProtocol::hqq ? sliding_windows(count, options.window, options.stride)
                                                             : disjoint_windows(count, options.window);
  require(!windows.empty(), ErrorCode::bad_input,
          "perplexity: the text has " + std::to_string(count) +
              " tokens, too few for one window; use a longer text or a smaller window");
  return windows;
}

PerplexityResult measure_perplexity(int64_t count, const PerplexityOptions& options, const WindowLoss& loss,
                                    Reporter& reporter) {
  const auto start = std::chrono::steady_clock::now();
  const auto windows = plan_windows(count, options);
  PerplexityResult result;
  for (const ScoredWindow& window : windows) {
    check_cancelled(reporter);
    result.nll_sum += loss(window) * window.weight;
    result.scored_tokens += window.end - window.first_target;
    result.windows += 1;
    result.tokens = options.protocol == PerplexityProtocol::hqq ? window.end : result.scored_tokens;
    result.perplexity = std::exp(result.nll_sum / static_cast<double>(result.tokens));
    char report[160];
    std::snprintf(report, sizeof report, "{\"phase\":\"perplexity\",\"done\":%lld,\"total\":%zu,\"perplexity\":%.9g}",
                  static_cast<long long>(result.windows), windows.size(),
                  std::isfinite(result.perplexity) ? result.perplexity : 0.0);
    reporter.progress(report);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace hqq
