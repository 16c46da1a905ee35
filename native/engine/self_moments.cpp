#include "engine/self_moments.h"

#include <algorithm>
#include <set>

#include "engine/machine.h"
#include "engine/token_ids.h"
#include "io/sha256.h"
#include "model/moments.h"
#include "quant/method.h"

namespace hqq {
namespace {

using Names = ModuleNames;

/// Passes the progress of one step of the model on under our phase and with the tokens of all steps.
class PhaseProgress final : public Reporter {
 public:
  PhaseProgress(Reporter& target, const char* phase) : target_(target), phase_(phase) {}
  void done(int64_t tokens, int64_t total) {
    Json event;
    event.set("phase", phase_).set("done", tokens).set("total", total);
    target_.progress(event.dump());
  }
  void progress(const std::string& json) override {
    const Json report = parse_json(json);
    if (report.get("phase", "") != "observe") return;
    Json event;
    event.set("phase", phase_).set("done", report.at("done")).set("total", report.at("total"));
    target_.progress(event.dump());
  }
  void emit(const std::string&) override {}
  bool cancelled() const override { return target_.cancelled(); }

 private:
  Reporter& target_;
  std::string phase_;
};

/// Throws when the full matrices of the layers would not fit beside the model.
void check_memory(const ModelInfo& info, const Names& full) {
  int64_t bytes = 0;
  std::set<std::pair<std::string, int64_t>> counted;
  for (const LayerInfo& layer : info.layers) {
    if (!full.contains(layer.name)) continue;
    // Layers of one block with equally wide inputs mostly share them; this counts each block's widths once.
    const std::string block = layer.name.substr(0, layer.name.find_last_of('.'));
    if (counted.emplace(block, layer.shape.back()).second) bytes += layer.shape.back() * layer.shape.back() * 4;
  }
  const int64_t available = static_cast<int64_t>(machine_info().at("availableMemoryBytes").as_number());
  require(bytes < available * 4 / 5, ErrorCode::out_of_memory,
          "error feedback needs " + std::to_string(bytes / 1'000'000) + " MB for the moments of this model, " +
              std::to_string(available / 1'000'000) + " MB are free; choose method \"self\", or \"self-compensated\" for fewer layers");
}

/// Error feedback tells more columns apart with more tokens: SmolLM2 (1,536 columns) at 3-bit g64 is at 47.3 after 8,192 of them and at
/// 46.0 after 16,384; the demo model (1,024 columns) gains nothing from the second half.
constexpr int64_t kTokensPerColumn = 8;
constexpr int64_t kFewestSequences = 32, kMostSequences = 64;

int64_t sequences_for(const ModelInfo& info, const MomentsOptions& options) {
  if (options.sequences > 0) return options.sequences;
  int64_t widest = 0;
  for (const LayerInfo& layer : info.layers) widest = std::max(widest, layer.shape.back());
  return std::clamp(kTokensPerColumn * widest / options.length, kFewestSequences, kMostSequences);
}

std::vector<std::vector<int32_t>> write_text(Model& model, const MomentsOptions& options, Reporter& reporter) {
  PhaseProgress progress(reporter, "write-text");
  std::vector<std::vector<int32_t>> sequences;
  const ModelInfo info = model.info();
  const int64_t count = sequences_for(info, options), total = count * options.length;
  const std::vector<int32_t> first = {info.config.first_id()};
  for (int64_t i = 0; i < count; ++i) {
    GenerateOptions generate;
    generate.sampling.temperature = 1.0;
    generate.sampling.seed = options.seed * 1'000'003 + static_cast<uint64_t>(i);
    generate.max_new_tokens = options.length - 1;
    generate.numerics = Numerics::fast;
    GenerateResult written = model.generate(first, generate, [](int32_t) {}, progress);
    check_cancelled(reporter);
    sequences.push_back(first);
    sequences.back().insert(sequences.back().end(), written.new_ids.begin(), written.new_ids.end());
    progress.done((i + 1) * options.length, total);
  }
  return sequences;
}

std::vector<std::vector<int32_t>> read_text(const MomentsOptions& options) {
  const auto ids = read_token_ids_file(options.text_ids_file, kMostTextIds);
  std::vector<std::vector<int32_t>> sequences;
  // What is left over at the end is dropped, unless it is all there is.
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(options.length)) {
    const size_t end = std::min(ids.size(), at + static_cast<size_t>(options.length));
    if (at > 0 && end - at < static_cast<size_t>(options.length)) break;
    sequences.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(end));
  }
  require(!sequences.empty() && sequences.front().size() > 1, ErrorCode::bad_input, "the text to measure on is too short; choose a longer one");
  return sequences;
}

Calibration measure(const std::string& model_dir, Names wanted, Names full, const MomentsOptions& options, Reporter& reporter) {
  LoadOptions load;
  load.context_length = options.length;
  NullReporter quiet;
  const auto model = Model::load(model_dir, load, quiet);
  check_memory(model->info(), full);
  auto text = calibration_text(*model, options, reporter);
  MomentsRecorder recorder(std::move(wanted), std::move(full));
  PhaseProgress progress(reporter, "measure");
  model->observe_inputs(text, recorder, progress);
  return {std::move(text), std::move(recorder).finish()};
}

}  // namespace

std::string text_identity(const MomentsOptions& options) {
  if (options.text_ids_file.empty()) {
    return "seed " + std::to_string(options.seed) + ", " + std::to_string(options.sequences) + " x " + std::to_string(options.length);
  }
  Sha256 hash;
  for (const int32_t id : read_token_ids_file(options.text_ids_file, kMostTextIds)) hash.update(std::to_string(id) + " ");
  return "text " + hash.hex() + ", " + std::to_string(options.length);
}

std::vector<std::vector<int32_t>> calibration_text(Model& model, const MomentsOptions& options, Reporter& reporter) {
  return options.text_ids_file.empty() ? write_text(model, options, reporter) : read_text(options);
}

Calibration measure_self_moments(const std::string& model_dir, const std::vector<LayerChoice>& choices,
                                     const MomentsOptions& options, Reporter& reporter) {
  Names wanted, full;
  for (const LayerChoice& choice : choices) {
    const MomentsNeed need = quant_method(choice.method).needs;
    if (need != MomentsNeed::none) wanted.insert(choice.module);
    if (need == MomentsNeed::full) full.insert(choice.module);
  }
  if (wanted.empty()) return {};
  if (options.keep_in.empty()) return measure(model_dir, std::move(wanted), std::move(full), options, reporter);
  const MomentsRequest request{options.source + "\n" + text_identity(options), wanted, full};
  if (auto kept = read_moments_file(options.keep_in, request)) return *std::move(kept);
  Calibration measured = measure(model_dir, std::move(wanted), std::move(full), options, reporter);
  write_moments_file(options.keep_in, request, measured);
  return measured;
}

}  // namespace hqq
