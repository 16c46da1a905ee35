// A loaded model: what the engine facade, the command line and the benchmarks call. Works on token ids only; text,
// templates and stop strings live with the tokenizer, outside the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/job.h"
#include "model/config.h"
#include "quant/types.h"

namespace hqq {

/// Which arithmetic quantized layers use. Unquantized layers are computed in float32 under both.
enum class Numerics : uint8_t {
  exact,  // weights dequantized as HQQLinear does, float32 activations and sums; the default for every measurement
  // Activations rounded to 8 bits per block of 64 columns; in batches on AMX both operands to bfloat16, in batches at
  // axis 0 nothing. The default for generation; the error is in native/BENCHMARKS.md.
  fast,
};

class WeightSource;   // model/weight_source.h
class InputObserver;  // model/input_observer.h

struct LoadOptions {
  /// Dtype in which quantized weights are dequantized (scale, zero and W' are rounded to it): f32, f16 or bf16.
  DType compute_dtype = DType::f32;
  /// KV cache capacity in tokens; 0 takes the model's own maximum, at most 4096.
  int64_t context_length = 0;
  /// "cpu", or a device that the engine was given a way to drive (model/executor.h).
  std::string device = "cpu";
};

/// One linear layer as it was loaded.
struct LayerInfo {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  Shape shape;       // [out, in]
  bool quantized = false;
  QuantConfig quant;         // meaningful when quantized
  DType dtype = DType::f32;  // of the stored weight, or of scale and zero when quantized
  int64_t weight_bytes = 0;  // as laid out for running
  int64_t metadata_bytes = 0;
  double read_share = 1.0;  // of it, what one decoded token reads on average: less for experts
};

struct ModelInfo {
  ModelConfig config;
  int64_t parameters = 0;
  int64_t context_length = 0;
  std::vector<LayerInfo> layers;  // every linear, in model order; the head is "lm_head"
  int64_t weight_bytes = 0;       // resident weight buffers (repacked or copied)
  int64_t mapped_bytes = 0;       // weights read in place from the mapped files
  int64_t metadata_bytes = 0;     // scales and zeros
  int64_t kv_cache_bytes = 0;     // address space reserved at context_length; pages are taken as tokens arrive
  int64_t scratch_bytes = 0;
  int64_t bytes_per_token = 0;  // weights + metadata read for one decoded token (KV cache not included)
};

struct SamplingOptions {
  double temperature = 0.0;         // 0: greedy, and none of the filters below apply
  int64_t top_k = 0;                // 0: off
  double top_p = 1.0;               // 1: off
  double min_p = 0.0;               // 0: off
  double repetition_penalty = 1.0;  // 1: off; also applies to greedy; counts prompt and new tokens
  uint64_t seed = 0;                // same seed, options and ids: same tokens
};

struct GenerateOptions {
  SamplingOptions sampling{};
  int64_t max_new_tokens = 256;
  std::vector<int32_t> stop_ids{};  // the stop id itself is the last of new_ids
  Numerics numerics = Numerics::fast;
};

enum class FinishReason : uint8_t { eos, length, context_full, cancelled };
std::string_view to_string(FinishReason reason);  // "eos", "length", "context-full", "cancelled"

struct GenerateResult {
  std::vector<int32_t> new_ids;
  FinishReason finish_reason = FinishReason::length;
  int64_t prompt_tokens = 0;
  int64_t reused_tokens = 0;   // of the prompt, still in the KV cache from the previous call
  int64_t prefill_tokens = 0;  // of the prompt, computed now
  double prefill_seconds = 0;  // until the first token was chosen
  double decode_seconds = 0;   // for new_ids.size() - 1 tokens
};

enum class PerplexityProtocol : uint8_t {
  hqq,      // sliding windows of `window` with `stride`; earlier ids of a window are context only (spec section 7)
  windows,  // disjoint windows of `window`; window - 1 ids scored in each; an incomplete last one dropped
};

struct PerplexityOptions {
  PerplexityProtocol protocol = PerplexityProtocol::windows;
  int64_t window = 1024;
  int64_t stride = 512;  // hqq only; 1 .. window
  Numerics numerics = Numerics::exact;
};

struct PerplexityResult {
  double perplexity = 0;
  double nll_sum = 0;         // natural log; divided by `tokens` it is ln(perplexity)
  int64_t tokens = 0;         // the protocol's denominator: hqq: all ids; windows: scored ids
  int64_t scored_tokens = 0;  // ids whose probability was looked at
  int64_t windows = 0;
  double seconds = 0;
};

/// A picture in a prompt: the rows that stand in the place of its tokens.
struct PromptPicture {
  std::string key;  // equal for equal pictures
  int64_t rows = 0;
  std::function<void(std::span<float> out)> fill;  // computes them [rows][hidden]; called when they are not known yet
};

/// One call at a time; any thread. Memory is freed by the destructor.
class Model {
 public:
  /// Loads a folder (config.json + safetensors; unquantized, HQQ, or mixed per layer). Progress:
  /// {"phase":"load","done":layers, "total":layers}. Throws
  /// {not_found|bad_file|unsupported|bad_input|out_of_memory|cancelled}.
  static std::unique_ptr<Model> load(const std::string& dir, const LoadOptions& options, Reporter& reporter);
  /// The same from any source of tensors (tests, benchmarks, quantize in memory).
  static std::unique_ptr<Model> build(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                      Reporter& reporter);
  ~Model();

  ModelInfo info() const;

  /// `ids` with the rows of `pictures`, in their order, in the place of the config's picture_id: what generate() and
  /// logits() take for a prompt with pictures. Rows are remembered, so that the KV cache of a conversation keeps its
  /// pictures. Throws {bad_input} when there are not as many picture tokens as rows, {unsupported} for a model that
  /// reads text alone.
  std::vector<int32_t> place_pictures(std::span<const int32_t> ids, std::span<const PromptPicture> pictures);

  /// Float32 logits of every position: out is [batch, time, vocab]. Rows must be equally long and fit the context.
  /// Throws {bad_input} for an id outside the vocabulary, {cancelled}. Progress:
  /// {"phase":"logits","done":tokens,"total":tokens}.
  void logits(const std::vector<std::vector<int32_t>>& ids, std::span<float> out, Numerics numerics,
              Reporter& reporter);

  /// The same for one sequence, position after position, so that logits of a long text never lie in memory at once:
  /// begin_logits takes the ids (which fit the context), each next_logits gives [count][vocab] of the positions that
  /// follow those given so far. No other call may come in between. Throws as logits().
  void begin_logits(std::span<const int32_t> ids, Numerics numerics);
  void next_logits(int64_t count, float* out, Reporter& reporter);

  /// Continues `ids`. The KV cache of the longest common prefix with the previous call is reused. `on_token` sees each
  /// new id as it is chosen, stop ids included. Progress: {"phase":"prefill","done":tokens,"total":tokens}. Cancelling
  /// and a full context are outcomes, not errors. Throws {bad_input} for no ids or a bad id, or when the prompt alone
  /// does not fit the context.
  GenerateResult generate(std::span<const int32_t> ids, const GenerateOptions& options,
                          const std::function<void(int32_t id)>& on_token, Reporter& reporter);

  /// Runs each sequence of ids from an empty cache, in batches of more than one token, and shows `observer` the inputs of all
  /// linear layers but the head. CPU only. Progress {"phase":"observe","done":tokens,"total":tokens}. Throws as logits().
  void observe_inputs(const std::vector<std::vector<int32_t>>& sequences, InputObserver& observer, Reporter& reporter);

  /// Progress after each window: {"phase":"perplexity","done":windows,"total":windows,"perplexity":running}.
  PerplexityResult perplexity(std::span<const int32_t> ids, const PerplexityOptions& options, Reporter& reporter);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hqq
