// What computes a model, behind Model: the CPU transformer, or a device that an engine was given. Everything above
// (generation, prefix reuse, perplexity protocols) is written once over this interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/input_observer.h"
#include "model/model.h"

namespace hqq {

struct ForwardOptions {
  bool eight_bit = false;   // Numerics::fast; an executor without 8-bit activations ignores it
  int64_t rope_length = 0;  // sequence length that dynamic rope scaling stretches to
  InputObserver* observer = nullptr;  // sees the inputs of the linear layers of a batch; CPU only
  const float* pictures = nullptr;    // rows [..][hidden] that ids below 0 stand for (picture_row); CPU only
};

/// An id below 0 stands for a row of what pictures were turned into.
constexpr int64_t picture_row(int32_t id) { return -1 - int64_t{id}; }
constexpr int32_t picture_row_id(int64_t row) { return static_cast<int32_t>(-1 - row); }

/// A decode loop that feeds each chosen id back by itself, several steps ahead of the reader.
struct DecodeRequest {
  SamplingOptions sampling;
  std::span<const int32_t> prompt;  // everything before the first new id, for the repetition penalty
  int64_t max_new_tokens = 0;       // at most this many ids will be asked for; they fit the cache
  int64_t last_row = 0;             // of the last forward call: the token whose logits give the first id
};

class DecodeLoop {
 public:
  /// Stops what still runs ahead; cache entries of ids that were never returned are then void.
  virtual ~DecodeLoop() = default;
  /// The next chosen id. Once it is returned, keys and values of all earlier ids are in the cache.
  virtual int32_t next() = 0;
};

/// What a loaded model holds, by part.
struct ExecutorInfo {
  std::vector<LayerInfo> layers;
  int64_t parameters = 0;
  int64_t weight_bytes = 0, mapped_bytes = 0, metadata_bytes = 0, kv_cache_bytes = 0, scratch_bytes = 0;
  int64_t bytes_per_token = 0;
  bool on_host = true;  // these bytes are the machine's memory, not a device's
};

class Executor {
 public:
  virtual ~Executor() = default;

  /// Tokens that fit the KV cache, and most ids of one forward call.
  virtual int64_t capacity() const = 0;
  virtual int64_t max_batch_tokens() const = 0;
  virtual ExecutorInfo info() const = 0;
  /// Whether the cache still holds every earlier position that a token at `position` looks at. Layers with a sliding
  /// window may have let go of old ones.
  virtual bool can_resume_at(int64_t position) const {
    (void)position;
    return true;
  }

  /// Runs 1 .. max_batch_tokens() ids at positions [start, start + n), whose predecessors are in the cache, and appends
  /// theirs. Leaves the final hidden states for logits() and losses(). Throws EngineError{cancelled} between layers.
  virtual void forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options,
                       const Reporter& reporter) = 0;
  /// Float32 logits [count][vocab] of tokens [first, first + count) of the last forward call.
  virtual void logits(int64_t first, int64_t count, const ForwardOptions& options, float* out,
                      const Reporter& reporter) = 0;
  /// Negative log-likelihood of targets[i] given token first + i of the last forward call, summed.
  virtual double loss(int64_t first, std::span<const int32_t> targets, const ForwardOptions& options,
                      const Reporter& reporter) = 0;

  /// Null when ids are chosen by the caller from logits().
  virtual std::unique_ptr<DecodeLoop> start_decode(const DecodeRequest& request) {
    (void)request;
    return nullptr;
  }
};

/// Gathers the weights and makes them ready to run. Progress and errors as Model::build.
using ExecutorFactory = std::function<std::unique_ptr<Executor>(const ModelConfig& config, WeightSource& source,
                                                                const LoadOptions& options, Reporter& reporter)>;

/// Makes models run on devices other than "cpu"; LoadOptions::context_length is positive when `factory` sees it.
void set_device_executor(ExecutorFactory factory);

/// The executor for options.device. Throws EngineError{unsupported} for a device that nothing here can drive.
std::unique_ptr<Executor> make_executor(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                        Reporter& reporter);

}  // namespace hqq
