#include "model/model.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/arena.h"
#include "model/executor.h"
#include "model/perplexity.h"
#include "model/sampler.h"
#include "model/weight_source.h"

namespace hqq {
namespace {

constexpr int64_t kDefaultContext = 4096;
constexpr int64_t kMaxContext = int64_t{1} << 24;
/// Rows of earlier pictures are kept up to so many in all.
constexpr int64_t kMaxPictureRows = 8192;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report(Reporter& reporter, const char* phase, int64_t done, int64_t total) {
  reporter.progress(std::string("{\"phase\":\"") + phase + "\",\"done\":" + std::to_string(done) +
                    ",\"total\":" + std::to_string(total) + "}");
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::eos: return "eos";
    case FinishReason::length: return "length";
    case FinishReason::context_full: return "context-full";
    case FinishReason::cancelled: return "cancelled";
  }
  return "length";
}

/// What pictures were turned into, by their keys. The same picture has the same ids, so prefixes compare as text does.
struct PictureRows {
  Buffer rows;  // [capacity][hidden]
  int64_t used = 0;
  std::map<std::string, int64_t, std::less<>> first_row;

  int64_t capacity(int64_t hidden) const { return rows.bytes() / (hidden * 4); }
  void clear() {
    used = 0;
    first_row.clear();
  }
};

struct Model::Impl {
  ModelConfig config;
  std::unique_ptr<Executor> executor;
  Buffer logits;                // [vocab] of the position that is sampled from
  std::vector<int32_t> cached;  // ids whose keys and values are in the cache, from position 0
  bool cached_eight_bit = false;
  int64_t cached_length = 0;  // sequence length that the cached keys were rotated for
  PictureRows pictures;

  /// A sequence whose logits are being read: position `next`, of a batch that ends before `batch_end`, comes now.
  struct Reading {
    std::vector<int32_t> ids;
    bool eight_bit = false;
    int64_t next = 0, batch_begin = 0, batch_end = 0;
  } reading;

  Impl(const ModelConfig& c, std::unique_ptr<Executor> e)
      : config(c), executor(std::move(e)), logits(config.vocab_size * 4, MemoryUse::scratch) {}

  void check_ids(std::span<const int32_t> ids) const {
    for (const int32_t id : ids)
      require(id < config.vocab_size && picture_row(id) < pictures.used, ErrorCode::bad_input,
              "token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                  std::to_string(config.vocab_size));
  }

  /// Positions [first, ids.size()) through the model in batches; `each(begin, count)` may read logits of the batch just
  /// done.
  template <typename Each>
  void run(std::span<const int32_t> ids, int64_t first, bool eight_bit, Reporter& reporter, Each&& each,
           InputObserver* observer = nullptr) {
    const auto total = static_cast<int64_t>(ids.size());
    for (int64_t at = first; at < total;) {
      const int64_t count = forward_batch(ids, at, eight_bit, reporter, observer);
      each(at, count);
      at += count;
    }
  }

  /// The batch of `ids` that begins at position `at`; returns how many positions it has.
  int64_t forward_batch(std::span<const int32_t> ids, int64_t at, bool eight_bit, Reporter& reporter,
                        InputObserver* observer = nullptr) {
    const auto total = static_cast<int64_t>(ids.size());
    // What is being overwritten must not be taken for valid if this throws.
    cached.resize(static_cast<size_t>(std::min<int64_t>(at, static_cast<int64_t>(cached.size()))));
    cached_eight_bit = eight_bit;
    cached_length = total;
    const int64_t count = std::min(executor->max_batch_tokens(), total - at);
    const auto batch = ids.subspan(static_cast<size_t>(at), static_cast<size_t>(count));
    executor->forward(batch, at,
                      {.eight_bit = eight_bit,
                       .rope_length = total,
                       .observer = observer,
                       .pictures = pictures.rows.as<float>()},
                      reporter);
    cached.insert(cached.end(), batch.begin(), batch.end());
    return count;
  }

  /// Leading ids of `ids` whose cache entries can be kept. At least one id stays to be computed, for its logits.
  int64_t reusable(std::span<const int32_t> ids, bool eight_bit) const {
    if (eight_bit != cached_eight_bit || !same_rotation(static_cast<int64_t>(ids.size()))) return 0;
    const size_t limit = std::min(ids.size() - 1, cached.size());
    size_t n = 0;
    while (n < limit && ids[n] == cached[n]) ++n;
    return executor->can_resume_at(static_cast<int64_t>(n)) ? static_cast<int64_t>(n) : 0;
  }

  /// Whether cached keys have the angles that a sequence of `length` tokens asks for.
  bool same_rotation(int64_t length) const {
    if (!config.rope.depends_on_length()) return true;
    const bool was_long = cached_length > config.rope.original_max_position,
               is_long = length > config.rope.original_max_position;
    return was_long == is_long && !(is_long && config.rope.scaling == RopeScaling::dynamic);
  }

  /// Where a sequence continues that grew to `length` tokens by one: at its last token, or at the start once it has
  /// become too long for the short factors of longrope. Other rotations keep old keys as they are, as transformers does.
  int64_t next_start(int64_t length) const {
    return config.rope.scaling == RopeScaling::longrope && !same_rotation(length) ? 0 : length - 1;
  }

  std::span<float> last_logits(int64_t index_in_batch, bool eight_bit, Reporter& reporter) {
    executor->logits(index_in_batch, 1, {.eight_bit = eight_bit}, logits.as<float>(), reporter);
    return logits.span<float>();
  }

  double window_loss(std::span<const int32_t> ids, const ScoredWindow& window, bool eight_bit, Reporter& reporter);
};

std::unique_ptr<Model> Model::load(const std::string& dir, const LoadOptions& options, Reporter& reporter) {
  const ModelConfig config = read_model_config(dir);
  FolderSource source(dir);
  return build(config, source, options, reporter);
}

std::unique_ptr<Model> Model::build(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                    Reporter& reporter) {
  const DType compute = options.compute_dtype;
  require(compute == DType::f32 || compute == DType::f16 || compute == DType::bf16, ErrorCode::bad_input,
          "compute dtype must be float32, float16 or bfloat16");
  require(options.context_length >= 0 && options.context_length <= kMaxContext, ErrorCode::bad_input,
          "context length is out of range");
  LoadOptions resolved = options;
  if (resolved.context_length == 0) resolved.context_length = std::min(config.max_position, kDefaultContext);
  auto executor = make_executor(config, source, resolved, reporter);
  return std::unique_ptr<Model>(new Model(std::make_unique<Impl>(config, std::move(executor))));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

ModelInfo Model::info() const {
  const Impl& m = *impl_;
  ModelInfo info;
  info.config = m.config;
  ExecutorInfo held = m.executor->info();
  info.parameters = held.parameters;
  info.context_length = m.executor->capacity();
  info.layers = std::move(held.layers);
  info.weight_bytes = held.weight_bytes;
  info.mapped_bytes = held.mapped_bytes;
  info.metadata_bytes = held.metadata_bytes;
  info.kv_cache_bytes = held.kv_cache_bytes;
  info.scratch_bytes = held.scratch_bytes + (held.on_host ? m.logits.bytes() : 0) + m.pictures.rows.bytes();
  info.bytes_per_token = held.bytes_per_token;
  return info;
}

std::vector<int32_t> Model::place_pictures(std::span<const int32_t> ids, std::span<const PromptPicture> pictures) {
  Impl& m = *impl_;
  require(m.config.sees, ErrorCode::unsupported, "this model reads text alone; it cannot be shown a picture");
  int64_t rows = 0;
  for (const PromptPicture& picture : pictures) rows += picture.rows;
  const int64_t places = std::count(ids.begin(), ids.end(), m.config.picture_id);
  require(places == rows, ErrorCode::bad_input,
          "the prompt has " + std::to_string(places) + " picture tokens, its " + std::to_string(pictures.size()) +
              " pictures need " + std::to_string(rows));
  const int64_t hidden = m.config.hidden_size;
  PictureRows& known = m.pictures;
  if (known.used + rows > known.capacity(hidden)) {
    // Everything that was cached may look at rows that go.
    known.clear();
    m.cached.clear();
    if (rows > known.capacity(hidden)) {
      const int64_t wanted = std::max(rows, std::min(m.executor->capacity(), kMaxPictureRows));
      known.rows = Buffer(wanted * hidden * 4, MemoryUse::scratch);
    }
  }
  std::vector<int32_t> row_ids;
  for (const PromptPicture& picture : pictures) {
    auto found = known.first_row.find(picture.key);
    if (found == known.first_row.end()) {
      picture.fill({known.rows.as<float>() + known.used * hidden, static_cast<size_t>(picture.rows * hidden)});
      found = known.first_row.emplace(picture.key, known.used).first;
      known.used += picture.rows;
    }
    for (int64_t r = 0; r < picture.rows; ++r) row_ids.push_back(picture_row_id(found->second + r));
  }
  std::vector<int32_t> placed(ids.begin(), ids.end());
  auto next = row_ids.begin();
  for (int32_t& id : placed)
    if (id == m.config.picture_id) id = *next++;
  return placed;
}

void Model::logits(const std::vector<std::vector<int32_t>>& ids, std::span<float> out, Numerics numerics,
                   Reporter& reporter) {
  Impl& m = *impl_;
  require(!ids.empty() && !ids.front().empty(), ErrorCode::bad_input, "logits: no token ids");
  const auto batch = static_cast<int64_t>(ids.size()), time = static_cast<int64_t>(ids.front().size()),
             vocab = m.config.vocab_size;
  require(
      time <= m.executor->capacity(), ErrorCode::bad_input,
      "logits: " + std::to_string(time) + " tokens exceed the context of " + std::to_string(m.executor->capacity()));
  for (const auto& row : ids) {
    require(static_cast<int64_t>(row.size()) == time, ErrorCode::bad_input, "logits: rows of ids must be equally long");
    m.check_ids(row);
  }
  require(static_cast<int64_t>(out.size()) == batch * time * vocab, ErrorCode::internal, "logits: wrong output size");
  const bool eight_bit = numerics == Numerics::fast;
  for (int64_t b = 0; b < batch; ++b) {
    m.run(ids[static_cast<size_t>(b)], 0, eight_bit, reporter, [&](int64_t at, int64_t count) {
      m.executor->logits(0, count, {.eight_bit = eight_bit}, out.data() + (b * time + at) * vocab, reporter);
      report(reporter, "logits", b * time + at + count, batch * time);
    });
  }
}

void Model::begin_logits(std::span<const int32_t> ids, Numerics numerics) {
  Impl& m = *impl_;
  m.check_ids(ids);
  require(!ids.empty() && static_cast<int64_t>(ids.size()) <= m.executor->capacity(), ErrorCode::bad_input,
          "logits: " + std::to_string(ids.size()) + " tokens do not fit the context of " +
              std::to_string(m.executor->capacity()));
  m.reading = {.ids = {ids.begin(), ids.end()}, .eight_bit = numerics == Numerics::fast};
}

void Model::next_logits(int64_t count, float* out, Reporter& reporter) {
  Impl& m = *impl_;
  Impl::Reading& r = m.reading;
  require(count >= 0 && r.next + count <= static_cast<int64_t>(r.ids.size()), ErrorCode::internal,
          "logits: read past the end of the sequence");
  while (count > 0) {
    if (r.next == r.batch_end) {
      r.batch_begin = r.next;
      r.batch_end += m.forward_batch(r.ids, r.next, r.eight_bit, reporter);
    }
    const int64_t rows = std::min(count, r.batch_end - r.next);
    m.executor->logits(r.next - r.batch_begin, rows, {.eight_bit = r.eight_bit}, out, reporter);
    r.next += rows;
    out += rows * m.config.vocab_size;
    count -= rows;
  }
}

GenerateResult Model::generate(std::span<const int32_t> ids, const GenerateOptions& options,
                               const std::function<void(int32_t id)>& on_token, Reporter& reporter) {
  Impl& m = *impl_;
  require(!ids.empty(), ErrorCode::bad_input, "generate: no token ids");
  require(options.max_new_tokens >= 1, ErrorCode::bad_input, "generate: max_new_tokens must be at least 1");
  m.check_ids(ids);
  const auto prompt = static_cast<int64_t>(ids.size());
  require(prompt <= m.executor->capacity(), ErrorCode::bad_input,
          "the prompt has " + std::to_string(prompt) + " tokens, the context holds " +
              std::to_string(m.executor->capacity()));
  Sampler sampler(options.sampling, m.config.vocab_size);
  for (const int32_t id : ids) sampler.saw(id >= 0 ? id : m.config.picture_id);

  const bool eight_bit = options.numerics == Numerics::fast;
  GenerateResult result;
  result.prompt_tokens = prompt;
  result.reused_tokens = m.reusable(ids, eight_bit);
  result.prefill_tokens = prompt - result.reused_tokens;
  auto clock = std::chrono::steady_clock::now();
  std::vector<int32_t> sequence(ids.begin(), ids.end());
  try {
    int64_t last = 0;
    m.run(ids, result.reused_tokens, eight_bit, reporter, [&](int64_t at, int64_t count) {
      last = count - 1;
      report(reporter, "prefill", at + count - result.reused_tokens, result.prefill_tokens);
    });
    const int64_t room = m.executor->capacity() - prompt + 1;
    const int64_t longest = prompt + std::min(options.max_new_tokens, room) - 1;
    const bool starts_over = m.next_start(longest) == 0 && longest > 1;
    const auto loop = starts_over ? nullptr
                                  : m.executor->start_decode({.sampling = options.sampling,
                                                              .prompt = ids,
                                                              .max_new_tokens = std::min(options.max_new_tokens, room),
                                                              .last_row = last});
    for (;;) {
      const int32_t id = loop ? loop->next() : sampler.pick(m.last_logits(last, eight_bit, reporter));
      if (loop && !result.new_ids.empty()) m.cached.push_back(result.new_ids.back());
      if (result.new_ids.empty()) {
        result.prefill_seconds = seconds_since(clock);
        clock = std::chrono::steady_clock::now();
      }
      sampler.saw(id);
      sequence.push_back(id);
      result.new_ids.push_back(id);
      on_token(id);
      const auto is_stop = std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end();
      if (is_stop) result.finish_reason = FinishReason::eos;
      else if (static_cast<int64_t>(result.new_ids.size()) >= options.max_new_tokens)
        result.finish_reason = FinishReason::length;
      else if (static_cast<int64_t>(sequence.size()) > m.executor->capacity())
        result.finish_reason = FinishReason::context_full;
      else {
        check_cancelled(reporter);
        if (loop) continue;
        m.run(sequence, m.next_start(static_cast<int64_t>(sequence.size())), eight_bit, reporter,
              [&last](int64_t, int64_t count) { last = count - 1; });
        continue;
      }
      break;
    }
  } catch (const EngineError& e) {
    if (e.code() != ErrorCode::cancelled) throw;
    result.finish_reason = FinishReason::cancelled;
  }
  (result.new_ids.empty() ? result.prefill_seconds : result.decode_seconds) = seconds_since(clock);
  return result;
}

void Model::observe_inputs(const std::vector<std::vector<int32_t>>& sequences, InputObserver& observer,
                           Reporter& reporter) {
  int64_t done = 0, total = 0;
  for (const auto& ids : sequences) {
    impl_->check_ids(ids);
    const auto length = static_cast<int64_t>(ids.size());
    require(length >= 2 && length <= impl_->executor->capacity(), ErrorCode::bad_input,
            "observe: a sequence of " + std::to_string(length) + " tokens does not fit");
    total += length;
  }
  for (const auto& ids : sequences) {
    const auto count = [&](int64_t, int64_t tokens) { report(reporter, "observe", done += tokens, total); };
    impl_->run(ids, 0, false, reporter, count, &observer);
  }
}

double Model::Impl::window_loss(std::span<const int32_t> ids, const ScoredWindow& window, bool eight_bit,
                                Reporter& reporter) {
  const auto part = ids.subspan(static_cast<size_t>(window.begin), static_cast<size_t>(window.end - window.begin));
  double total = 0;
  // Position p predicts id p + 1.
  const int64_t first = window.first_target - window.begin - 1, last = window.end - window.begin - 1;
  run(part, 0, eight_bit, reporter, [&](int64_t at, int64_t count) {
    const int64_t begin = std::max(at, first), end = std::min(at + count, last);
    if (begin >= end) return;
    const auto targets = part.subspan(static_cast<size_t>(begin + 1), static_cast<size_t>(end - begin));
    total += executor->loss(begin - at, targets, {.eight_bit = eight_bit}, reporter);
  });
  return total / static_cast<double>(window.end - window.first_target);
}

PerplexityResult Model::perplexity(std::span<const int32_t> ids, const PerplexityOptions& options, Reporter& reporter) {
  Impl& m = *impl_;
  m.check_ids(ids);
  require(options.window <= m.executor->capacity(), ErrorCode::bad_input,
          "perplexity: a window of " + std::to_string(options.window) + " tokens exceeds the context of " +
              std::to_string(m.executor->capacity()) +
              "; load the model with a longer context or use a smaller window");
  const bool eight_bit = options.numerics == Numerics::fast;
  return measure_perplexity(
      static_cast<int64_t>(ids.size()), options,
      [&](const ScoredWindow& window) { return m.window_loss(ids, window, eight_bit, reporter); }, reporter);
}

}  // namespace hqq
