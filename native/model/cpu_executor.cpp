#include "model/cpu_executor.h"

#include <algorithm>
#include <cmath>

#include "core/thread_pool.h"
#include "model/transformer.h"
#include "model/weight_source.h"

namespace hqq {
namespace {

constexpr int64_t kLogitScratchBytes = int64_t{32} << 20;

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(const ModelConfig& config, ModelWeights weights, int64_t context)
      : config_(config),
        weights_(std::move(weights)),
        transformer_(config_, weights_, context),
        logit_rows_(std::clamp<int64_t>(kLogitScratchBytes / (config.vocab_size * 4), 16, kMaxBatchTokens)),
        logits_(logit_rows_ * config.vocab_size * 4, MemoryUse::scratch) {}

  int64_t capacity() const override { return transformer_.capacity(); }
  int64_t max_batch_tokens() const override { return kMaxBatchTokens; }

  ExecutorInfo info() const override {
    ExecutorInfo info;
    info.layers = weights_.layers;
    info.parameters = weights_.parameters;
    info.weight_bytes = weights_.resident_bytes();
    info.mapped_bytes = weights_.mapped_bytes;
    info.metadata_bytes = weights_.metadata_bytes();
    info.kv_cache_bytes = transformer_.kv_cache_bytes();
    info.scratch_bytes = transformer_.scratch_bytes() + logits_.bytes();
    info.bytes_per_token = weights_.bytes_per_token();
    return info;
  }

  bool can_resume_at(int64_t position) const override { return transformer_.can_resume_at(position); }

  void forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options,
               const Reporter& reporter) override {
    transformer_.forward(ids, start, options, reporter);
  }

  void logits(int64_t first, int64_t count, const ForwardOptions& options, float* out,
              const Reporter& reporter) override {
    transformer_.logits(first, count, options.eight_bit, out, reporter);
  }

  double loss(int64_t first, std::span<const int32_t> targets, const ForwardOptions& options,
              const Reporter& reporter) override {
    const int64_t vocab = config_.vocab_size, count = static_cast<int64_t>(targets.size());
    double total = 0;
    for (int64_t at = 0; at < count; at += logit_rows_) {
      const int64_t rows = std::min(logit_rows_, count - at);
      transformer_.logits(first + at, rows, options.eight_bit, logits_.as<float>(), reporter);
      std::vector<double> losses(static_cast<size_t>(rows));
      parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const float* row = logits_.as<float>() + r * vocab;
          float max, sum;
          kernels().log_sum_exp(row, vocab, &max, &sum);
          losses[static_cast<size_t>(r)] =
              std::log(static_cast<double>(sum)) + max - row[targets[static_cast<size_t>(at + r)]];
        }
      });
      for (const double value : losses) total += value;
    }
    return total;
  }

 private:
  const ModelConfig config_;
  const ModelWeights weights_;
  Transformer transformer_;
  int64_t logit_rows_;
  Buffer logits_;  // [logit_rows][vocab]
};

}  // namespace

std::unique_ptr<Executor> make_cpu_executor(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                            Reporter& reporter) {
  return std::make_unique<CpuExecutor>(config, load_weights(config, source, options.compute_dtype, reporter),
                                       options.context_length);
}

}  // namespace hqq
