// model.reference, model.divergence: two models on the same ids, both loaded, or one after the other with the logits of
// the first in a file.
#include <cstring>
#include <limits>
#include <optional>

#include "engine/fields.h"
#include "engine/methods.h"
#include "engine/token_ids.h"
#include "io/output_file.h"
#include "io/safetensors.h"
#include "model/divergence.h"

namespace hqq {
namespace {

constexpr const char* kTensor = "logits";

/// The ids and windows that both methods walk through.
struct Walk {
  std::vector<int32_t> ids;
  int64_t window;
};

Walk read_walk(Fields& fields) {
  const std::string file = fields.text("idsFile");
  const int64_t window = fields.integer("window", 2, std::numeric_limits<int32_t>::max());
  return {read_token_ids_file(file, 0), window};
}

/// Passes the progress of a walk on as the contract's event.
class WalkProgress final : public Reporter {
 public:
  explicit WalkProgress(Reporter& target) : target_(target) {}
  void progress(const std::string& json) override {
    const Json report = parse_json(json);
    if (report.get("phase", "") != "divergence") return;
    Json event;
    event.set("type", "progress").set("done", report.at("done")).set("total", report.at("total"));
    target_.progress(event.dump());
  }
  void emit(const std::string&) override {}
  bool cancelled() const override { return target_.cancelled(); }

 private:
  Reporter& target_;
};

/// Rows that model.reference wrote, from first to last.
class FileLogits final : public LogitSource {
 public:
  FileLogits(const std::string& path, int64_t rows) : store_(TensorStore::open(path)) {
    const TensorEntry* entry = store_.find(kTensor);
    require(entry != nullptr && entry->dtype == "F32" && entry->shape.size() == 2 && entry->shape[0] == rows,
            ErrorCode::bad_file, path + ": holds no logits of these windows; make it again");
    view_ = store_.view(kTensor);
  }
  int64_t vocab_size() const override { return view_.shape[1]; }
  void begin(std::span<const int32_t>) override {}
  void next(int64_t count, float* out, Reporter&) override {
    const int64_t row_bytes = vocab_size() * 4;
    std::memcpy(out, static_cast<const std::byte*>(view_.data) + at_ * row_bytes, static_cast<size_t>(count * row_bytes));
    at_ += count;
  }

 private:
  TensorStore store_;
  TensorView view_;
  int64_t at_ = 0;
};

int64_t scored_positions(const Walk& walk) {
  const auto windows = plan_windows(static_cast<int64_t>(walk.ids.size()),
                                    {.protocol = PerplexityProtocol::windows, .window = walk.window});
  return static_cast<int64_t>(windows.size()) * (walk.window - 1);
}

Json reference(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.reference");
  const std::string handle = fields.text("handle"), out = fields.text("out");
  const Walk walk = read_walk(fields);
  fields.done();
  const Engine::Use use(engine, handle);
  ModelLogits source(use.model(), use.numerics());
  const int64_t vocab = source.vocab_size(), rows = scored_positions(walk);
  const TensorSpec spec = tensor_spec(kTensor, DType::f32, {rows, vocab});
  OutputFile file(out, OutputFile::Mode::truncate);
  const std::string header = safetensors_header({spec}, {});
  file.append(header);
  auto at = static_cast<int64_t>(header.size());
  file.reserve(at + spec.bytes);
  WalkProgress progress(reporter);
  const auto write = [&](int64_t, int64_t count, const float* values) {
    const std::span<const float> block(values, static_cast<size_t>(count * vocab));
    file.write_at(at, std::as_bytes(block));
    at += static_cast<int64_t>(block.size_bytes());
  };
  const DivergenceSummary done = read_windows(walk.ids, walk.window, source, write, progress);
  Json result;
  result.set("tokens", done.tokens).set("windows", done.windows).set("bytes", at).set("seconds", done.seconds);
  return result;
}

/// One event for a run of tokens, column by column.
std::string tokens_event(int64_t first_target, std::span<const TokenDivergence> found) {
  Json::Array kl, reference_nll, other_nll, reference_top, other_top, reference_top_nll, other_top_nll;
  for (const TokenDivergence& token : found) {
    kl.emplace_back(token.kl);
    reference_nll.emplace_back(token.reference_nll);
    other_nll.emplace_back(token.other_nll);
    reference_top.emplace_back(token.reference_top);
    other_top.emplace_back(token.other_top);
    reference_top_nll.emplace_back(token.reference_top_nll);
    other_top_nll.emplace_back(token.other_top_nll);
  }
  Json event;
  event.set("type", "tokens")
      .set("position", first_target)
      .set("kl", std::move(kl))
      .set("referenceNll", std::move(reference_nll))
      .set("nll", std::move(other_nll))
      .set("referenceTop", std::move(reference_top))
      .set("top", std::move(other_top))
      .set("referenceTopNll", std::move(reference_top_nll))
      .set("topNll", std::move(other_top_nll));
  return event.dump();
}

Json divergence(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.divergence");
  const std::string handle = fields.text("handle");
  Fields from(fields.any("reference"), "model.divergence: reference");
  const Json* other_handle = from.optional("handle");
  const Json* file = from.optional("file");
  from.done();
  const Walk walk = read_walk(fields);
  fields.done();
  require((other_handle == nullptr) != (file == nullptr), ErrorCode::bad_input,
          "model.divergence: the reference is a handle or a file");
  require(other_handle == nullptr || other_handle->as_string() != handle, ErrorCode::bad_input,
          "model.divergence: a model cannot be compared with itself");

  const Engine::Use use(engine, handle);
  ModelLogits source(use.model(), use.numerics());
  std::optional<Engine::Use> reference_use;
  std::unique_ptr<LogitSource> reference_source;
  if (other_handle != nullptr) {
    reference_use.emplace(engine, other_handle->as_string());
    reference_source = std::make_unique<ModelLogits>(reference_use->model(), reference_use->numerics());
  } else {
    reference_source = std::make_unique<FileLogits>(file->as_string(), scored_positions(walk));
  }
  WalkProgress progress(reporter);
  const auto tell = [&](int64_t first_target, std::span<const TokenDivergence> found) {
    reporter.emit(tokens_event(first_target, found));
  };
  const DivergenceSummary done = measure_divergence(walk.ids, walk.window, *reference_source, source, tell, progress);
  Json result;
  result.set("tokens", done.tokens).set("windows", done.windows).set("seconds", done.seconds);
  return result;
}

}  // namespace

void add_divergence_methods(std::map<std::string, Method>& table) {
  table["model.reference"] = reference;
  table["model.divergence"] = divergence;
}

}  // namespace hqq
