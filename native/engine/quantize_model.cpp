#include "engine/quantize_model.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <future>
#include <map>
#include <set>

#include "core/thread_pool.h"
#include "engine/candidate_store.h"
#include "engine/machine.h"
#include "engine/methods.h"
#include "engine/quantize_journal.h"
#include "engine/quantize_on.h"
#include "engine/self_moments.h"
#include "engine/source_identity.h"
#include "io/hqq_layer.h"
#include "io/sha256.h"
#include "quant/dequantize.h"
#include "quant/method.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Unsynced output is bounded in bytes and time; hashes make resuming right even without it.
constexpr int64_t kSyncBytes = int64_t{64} << 20;
constexpr auto kSyncInterval = std::chrono::milliseconds(500);
/// Kept tensors are copied in pieces of this many source bytes, with a look at cancellation after each.
constexpr int64_t kCopyBytes = int64_t{8} << 20;
/// Room for the journal and the index beside the weights.
constexpr int64_t kSpareBytes = int64_t{4} << 20;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string in_gigabytes(int64_t bytes) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

std::string plan_identity(const QuantizePlan& plan, const MomentsOptions& moments) {
  std::string text;
  bool measured = false;
  for (const WorkItem& item : plan.items) {
    if (!item.choice) continue;
    const QuantConfig& c = item.choice->config;
    measured = measured || quant_method(item.choice->method).needs != MomentsNeed::none;
    text += item.choice->module + " " + item.choice->method;
    for (const int64_t value : {int64_t{c.nbits}, c.group_size, int64_t{c.axis}, int64_t{c.channel_wise},
                                int64_t{c.round_zero}, int64_t{c.quant_zero}, int64_t{c.quant_scale}}) {
      text += " " + std::to_string(value);
    }
    text += "\n";
  }
  if (measured) text += text_identity(moments) + "\n";
  for (const OutputFilePlan& file : plan.files) text += file.name + "\n" + file.header + "\n";
  return hash_of(text);
}

/// One output file of the plan: under a name of its own until everything is in it.
class StagedFile {
 public:
  StagedFile(const std::string& dir, const OutputFilePlan& plan)
      : final_(dir + "/" + plan.name),
        partial_(final_ + ".partial"),
        renamed_(fs::exists(final_)),
        file_(renamed_ ? final_ : partial_, OutputFile::Mode::keep) {}

  OutputFile& file() { return file_; }
  /// Sets the size and writes the header; what is there already stays.
  void prepare(const OutputFilePlan& plan) {
    if (file_.size() != plan.bytes) file_.reserve(plan.bytes);
    file_.write_at(0, std::as_bytes(std::span(plan.header.data(), plan.header.size())));
  }
  void finish() {
    if (renamed_) return;
    rename_durably(partial_, final_);
    renamed_ = true;
  }
  /// Bytes on the disk, which may be fewer than the size.
  int64_t allocated() const {
    struct stat info {};
    return ::stat(file_.path().c_str(), &info) == 0 ? int64_t{info.st_blocks} * 512 : 0;
  }

 private:
  std::string final_, partial_;
  bool renamed_;
  OutputFile file_;
};

class Run {
 public:
  Run(const QuantizeModelOptions& options, Reporter& reporter)
      : options_(options),
        reporter_(reporter),
        store_(TensorStore::open(options.model_dir)),
        plan_(plan_quantization(store_, options.choices, options.compute_dtype, options.max_file_bytes)),
        quantizer_(quantizer_on(options.device)) {}

  QuantizeModelResult run() {
    const ResidentPeak peak;
    const auto start = Clock::now();
    report("check", nullptr);
    open_output();
    discard_wrong();
    take_over_finished();
    measure_moments();
    try {
      for (size_t i = 0; i < plan_.items.size(); ++i) {
        if (is_due(i)) work_on(i);
      }
      if (options_.arriving) collect_missing();
      if (options_.arriving && (options_.arriving->tensors || !result_.missing.empty())) {
        sync_all();
      } else {
        report("assemble", nullptr);
        assemble();
      }
    } catch (const EngineError& error) {
      throw with_what_was_kept(error);
    }
    result_.seconds = seconds_since(start);
    result_.peak_bytes = peak.bytes();
    result_.file_bytes = plan_.output_bytes + static_cast<int64_t>(plan_.index.size());
    return result_;
  }

 private:
  Json progress_event(const char* phase) const {
    Json event;
    event.set("type", "progress").set("phase", phase).set("tensorsDone", tensors_done_);
    event.set("tensorsTotal", static_cast<int64_t>(plan_.items.size()))
        .set("bytesDone", bytes_done_)
        .set("bytesTotal", plan_.source_bytes);
    return event;
  }

  void report(const char* phase, const WorkItem* current) {
    reporter_.progress(progress_event(phase).set("current", current ? Json(current->name()) : Json()).dump());
  }

  /// Counts the tokens of measuring moments, which happens before any tensor.
  class MomentsProgress final : public Reporter {
   public:
    explicit MomentsProgress(Run& run) : run_(run) {}
    void progress(const std::string& json) override {
      const Json report = parse_json(json);
      Json event = run_.progress_event(report.at("phase").as_string().c_str());
      event.set("current", Json()).set("tokensDone", report.at("done")).set("tokensTotal", report.at("total"));
      run_.reporter_.progress(event.dump());
    }
    void emit(const std::string&) override {}
    bool cancelled() const override { return run_.reporter_.cancelled(); }

   private:
    Run& run_;
  };

  /// Whether this run may read the tensor: of a source that is still arriving, only what has arrived.
  bool is_wanted(const WorkItem& item) const {
    return !options_.arriving || (options_.arriving->tensors && wanted_.contains(item.source));
  }

  bool is_due(size_t i) const { return !taken_over_[i] && is_wanted(plan_.items[i]); }

  void discard_wrong() {
    if (!options_.arriving) return;
    if (options_.arriving->tensors) wanted_.insert(options_.arriving->tensors->begin(), options_.arriving->tensors->end());
    if (options_.arriving->discard.empty()) return;
    for (const std::string& tensor : options_.arriving->discard) journal_->discard(tensor);
    journal_->sync();
  }

  /// Only for tensors that are still to be done: a resumed run may need no text at all.
  void measure_moments() {
    std::vector<LayerChoice> due;
    for (size_t i = 0; i < plan_.items.size(); ++i) {
      if (plan_.items[i].choice && is_due(i) && !from_store(i)) due.push_back(*plan_.items[i].choice);
    }
    if (options_.arriving) {
      for (const LayerChoice& choice : due) {
        require(quant_method(choice.method).needs == MomentsNeed::none, ErrorCode::bad_input,
                "method \"" + choice.method + "\" has to run the model first, which is still arriving; download it, then quantize");
      }
    }
    MomentsProgress progress(*this);
    moments_ = measure_self_moments(options_.model_dir, due, moments_options_, progress).moments;
  }

  /// Key of what tensor `index` becomes.
  const std::string& key_of(size_t index) {
    std::string& key = keys_[index];
    if (!key.empty()) return key;
    const WorkItem& item = plan_.items[index];
    const TensorView weight = store_.view(item.source);
    const bool measures = quant_method(item.choice->method).needs != MomentsNeed::none;
    const std::string moments = measures ? moments_options_.source + "\n" + text_identity(moments_options_) : "";
    key = CandidateStore::key(CandidateStore::hash_of(weight), weight.shape, {item.choice->config, item.choice->method, item.meta_dtype, moments});
    return key;
  }

  /// Weights that were quantized before are not in the source as they are worked on.
  bool is_kept(size_t index) const {
    const WorkItem& item = plan_.items[index];
    return kept_ && !item.stored_quantized && quant_method(item.choice->method).is_costly;
  }

  std::optional<Candidate> from_store(size_t index) {
    return is_kept(index) ? kept_->find(key_of(index)) : std::nullopt;
  }

  std::shared_ptr<const InputMoments> moments_of(const std::string& module) const {
    const auto found = moments_.find(module);
    return found != moments_.end() ? found->second : nullptr;
  }

  void collect_missing() {
    if (options_.arriving->tensors) return;
    for (size_t i = 0; i < plan_.items.size(); ++i) {
      if (!taken_over_[i]) result_.missing.push_back(plan_.items[i].source);
    }
  }

  void open_output() {
    std::error_code ignored;
    require(!fs::equivalent(options_.model_dir, options_.out_dir, ignored), ErrorCode::bad_input,
            options_.out_dir + ": the quantized model cannot be written over its source");
    if (!fs::exists(options_.out_dir)) {
      std::error_code error;
      fs::create_directory(options_.out_dir, error);
      require(!error, error == std::errc::no_such_file_or_directory ? ErrorCode::not_found : ErrorCode::not_writable,
              "cannot create " + options_.out_dir + ": " + error.message());
    }
    const bool fresh = !fs::exists(options_.out_dir + "/" + kJournalName);
    for (const auto& entry : fs::directory_iterator(options_.out_dir)) {
      require(!fresh || entry.path().extension() != ".safetensors", ErrorCode::bad_input,
              options_.out_dir + ": holds a model already; choose another folder");
    }
    const std::string source = options_.arriving ? options_.arriving->identity : source_identity(store_);
    // Devices give the same integers, so that a run that lost its GPU goes on elsewhere.
    moments_options_ = {.seed = options_.seed, .text_ids_file = options_.text_ids_file, .keep_in = options_.moments_file, .source = source};
    journal_.emplace(options_.out_dir, JobIdentity{source, plan_identity(plan_, moments_options_), engine_version()});
    if (!options_.store_dir.empty() && !options_.arriving) kept_.emplace(options_.store_dir);
    keys_.resize(plan_.items.size());
    for (const OutputFilePlan& file : plan_.files) files_.emplace_back(options_.out_dir, file);
    check_space();
    for (size_t i = 0; i < files_.size(); ++i) files_[i].prepare(plan_.files[i]);
  }

  void check_space() {
    int64_t needed = plan_.output_bytes + static_cast<int64_t>(plan_.index.size()) + kSpareBytes;
    for (const StagedFile& file : files_) needed -= file.allocated();
    const int64_t free = free_bytes(options_.out_dir);
    require(needed <= free, ErrorCode::disk_full,
            "the disk of " + options_.out_dir + " has " + in_gigabytes(free) + " free, but " + in_gigabytes(needed) +
                " are needed; free some space or choose another folder");
  }

  /// Accepts what an earlier run finished, tensor by tensor, when it still has the recorded hash.
  void take_over_finished() {
    taken_over_.assign(plan_.items.size(), false);
    for (size_t i = 0; i < plan_.items.size(); ++i) {
      check_cancelled(reporter_);
      const WorkItem& item = plan_.items[i];
      // A part looks at its own tensors only: looking at all each time would take longer than the work.
      if (options_.arriving && options_.arriving->tensors && !wanted_.contains(item.source)) continue;
      const auto recorded = journal_->finished().find(item.source);
      if (recorded == journal_->finished().end() || hash_on_disk(item) != recorded->second.sha256) continue;
      taken_over_[i] = true;
      ++result_.resumed_tensors;
      count_done(item, recorded->second, true);
      report("check", &item);
    }
  }

  std::string hash_on_disk(const WorkItem& item) {
    Sha256 hash;
    const Buffer piece(kCopyBytes, MemoryUse::scratch);
    for (size_t i = 0; i < item.outputs.size(); ++i) {
      const Placement& place = item.placements[i];
      for (int64_t at = 0; at < item.outputs[i].bytes; at += kCopyBytes) {
        const auto part =
            std::span(piece.data(), static_cast<size_t>(std::min(kCopyBytes, item.outputs[i].bytes - at)));
        files_[static_cast<size_t>(place.file)].file().read_at(place.offset + at, part);
        hash.update(part);
        check_cancelled(reporter_);
      }
    }
    return hash.hex();
  }

  void work_on(size_t index) {
    const WorkItem& item = plan_.items[index];
    check_cancelled(reporter_);
    report("quantize", &item);
    const auto start = Clock::now();
    FinishedTensor finished;
    Sha256 hash;
    if (item.choice) quantize_item(index, hash, finished);
    else keep_item(item, hash);
    store_.drop(item.source);
    requantized_.erase(index);
    finished.sha256 = hash.hex();
    finished.seconds = seconds_since(start);
    journal_->add(item.source, finished);
    unsynced_bytes_ += item.output_bytes();
    if (unsynced_bytes_ >= kSyncBytes || Clock::now() - last_sync_ >= kSyncInterval) sync_beside_the_work();
    count_done(item, finished, false);
    report("quantize", &item);
  }

  void write(const WorkItem& item, size_t output, int64_t at, std::span<const std::byte> data, Sha256& hash) {
    const Placement& place = item.placements[output];
    files_[static_cast<size_t>(place.file)].file().write_at(place.offset + at, data);
    hash.update(data);
  }

  /// Runs a part of the work on one tensor so that its error names the tensor.
  template <typename Body>
  static auto naming(const WorkItem& item, Body body) {
    try {
      return body();
    } catch (const EngineError& error) {
      if (error.code() == ErrorCode::cancelled) throw;
      throw EngineError(error.code(), item.source + ": " + error.what());
    }
  }

  /// The matrix to quantize: as it is stored, or made of what was quantized before and kept until this tensor is done.
  TensorView weight_of(size_t index) {
    const WorkItem& item = plan_.items[index];
    if (!item.stored_quantized) return store_.view(item.source);
    Buffer& made = requantized_[index];
    const Shape shape = describe_hqq_layer(store_, item.choice->module).shape;
    if (made.bytes() == 0) {
      made = Buffer(numel(shape) * size_of(DType::f32), MemoryUse::scratch);
      dequantize(load_hqq_layer(store_, item.choice->module), DType::f32, made.data());
      for (const char* part : {".W_q", ".scale", ".zero"}) store_.drop(item.choice->module + part);
    }
    return {made.data(), DType::f32, shape};
  }

  /// Hands the matrices from tensor `index` on to the quantizer, as many as it takes at once.
  void start_matrices(size_t index) {
    next_start_ = std::max(next_start_, index);
    for (; next_start_ < plan_.items.size(); ++next_start_) {
      const WorkItem& item = plan_.items[next_start_];
      if (!item.choice || !is_due(next_start_)) continue;
      // Read when its turn comes, and not before.
      if (is_kept(next_start_) && kept_->contains(key_of(next_start_))) return;
      const bool started = naming(item, [&] {
        const QuantizeRequest request{weight_of(next_start_), item.choice->config, item.choice->method, PackFormat::dense,
                                      item.meta_dtype, moments_of(item.choice->module)};
        const bool room = quantizer_->has_room(request);
        if (room) quantizer_->start(request);
        return room;
      });
      if (!started) return;
    }
  }

  void quantize_item(size_t index, Sha256& hash, FinishedTensor& finished) {
    const WorkItem& item = plan_.items[index];
    const LayerChoice& choice = *item.choice;
    QuantStats stats;
    std::optional<Candidate> known = next_start_ <= index ? from_store(index) : std::nullopt;
    QuantizedTensor tensor;
    if (known) {
      next_start_ = index + 1;
      stats = known->stats;
      tensor = std::move(known->tensor);
    } else {
      start_matrices(index);
      tensor = naming(item, [&] { return quantizer_->finish(&stats, reporter_); });
      if (is_kept(index)) kept_->put(key_of(index), tensor, stats, item.meta_dtype);
    }
    // The next ones are worked on while this one is written.
    start_matrices(index + 1);
    const HqqLayerTensors stored(choice.module, tensor, item.meta_dtype);
    for (size_t i = 0; i < stored.tensors().size(); ++i) {
      const TensorView& view = stored.tensors()[i].view;
      write(item, i, 0, {static_cast<const std::byte*>(view.data), static_cast<size_t>(view.bytes())}, hash);
    }
    finished.mean_abs_error = stats.mean_abs_error;
    finished.relative_error = stats.mean_abs_weight > 0 ? stats.mean_abs_error / stats.mean_abs_weight : 0;
    finished.iterations = stats.iterations;
  }

  void keep_item(const WorkItem& item, Sha256& hash) {
    const TensorEntry& entry = *store_.find(item.source);
    const auto all = store_.bytes(entry);
    int64_t written = 0;
    for (size_t at = 0; at < all.size(); at += kCopyBytes) {
      check_cancelled(reporter_);
      const auto piece = all.subspan(at, std::min(static_cast<size_t>(kCopyBytes), all.size() - at));
      if (item.cast) {
        const Buffer converted = cast(item, *dtype_from_safetensors(entry.dtype), piece);
        write(item, 0, written, std::span(converted.data(), static_cast<size_t>(converted.bytes())), hash);
        written += converted.bytes();
      } else {
        write(item, 0, written, piece, hash);
        written += static_cast<int64_t>(piece.size());
      }
    }
  }

  /// Converts a piece; a value that the type cannot hold is an error and not an infinity in the file.
  static Buffer cast(const WorkItem& item, DType from, std::span<const std::byte> piece) {
    constexpr int64_t grain = 1 << 16;
    const int64_t count = static_cast<int64_t>(piece.size()) / size_of(from);
    const DType to = *item.cast;
    Buffer out(count * size_of(to), MemoryUse::scratch);
    std::atomic<bool> fits{true};
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
      std::array<float, 1024> exact;
      for (int64_t i = begin; i < end; i += static_cast<int64_t>(exact.size())) {
        const int64_t n = std::min(static_cast<int64_t>(exact.size()), end - i);
        std::byte* const target = out.data() + i * size_of(to);
        to_f32(piece.data() + i * size_of(from), from, exact.data(), n);
        from_f32(exact.data(), to, target, n);
        to_f32(target, to, exact.data(), n);
        const bool finite =
            std::all_of(exact.begin(), exact.begin() + n, [](float value) { return std::isfinite(value); });
        if (!finite) fits.store(false, std::memory_order_relaxed);
      }
    });
    require(fits, ErrorCode::bad_weights,
            item.source + " holds NaN, infinity or a value too large for " + std::string(torch_name(to)).substr(6) +
                "; choose another compute dtype or check the source model");
    return out;
  }

  void sync() {
    for (StagedFile& file : files_) file.file().sync();
    journal_->sync();
  }

  /// Waiting for a slow disk would otherwise take as long as quantizing. A sync still under way is not waited for.
  void sync_beside_the_work() {
    if (syncing_.valid()) {
      if (syncing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
      syncing_.get();
    }
    syncing_ = std::async(std::launch::async, [this] { sync(); });
    unsynced_bytes_ = 0;
    last_sync_ = Clock::now();
  }

  void count_done(const WorkItem& item, const FinishedTensor& finished, bool resumed) {
    ++tensors_done_;
    bytes_done_ += item.source_bytes;
    ++(item.choice ? result_.quantized_tensors : result_.kept_tensors);
    if (!item.choice) return;
    Json event;
    event.set("type", "tensor").set("name", item.name()).set("resumed", resumed);
    event.set("meanAbsError", finished.mean_abs_error).set("relativeError", finished.relative_error);
    event.set("bytes", item.output_bytes()).set("seconds", finished.seconds).set("iterations", finished.iterations);
    reporter_.emit(event.dump());
  }

  void sync_all() {
    if (syncing_.valid()) syncing_.get();
    sync();
  }

  void assemble() {
    sync_all();
    for (size_t i = 0; i < files_.size(); ++i) {
      files_[i].finish();
      result_.files.push_back(plan_.files[i].name);
    }
    if (plan_.index.empty()) return;
    const std::string name = "model.safetensors.index.json";
    const std::string path = options_.out_dir + "/" + name;
    OutputFile index(path + ".partial", OutputFile::Mode::truncate);
    index.append(plan_.index);
    index.sync();
    rename_durably(path + ".partial", path);
    result_.files.push_back(name);
  }

  EngineError with_what_was_kept(const EngineError& error) const {
    if (error.code() != ErrorCode::disk_full) return error;
    return EngineError(error.code(), std::string(error.what()) + ". " + std::to_string(tensors_done_) + " of " +
                                         std::to_string(plan_.items.size()) +
                                         " tensors are kept: free some space and start again to go on from there");
  }

  const QuantizeModelOptions& options_;
  Reporter& reporter_;
  TensorStore store_;
  QuantizePlan plan_;
  std::optional<QuantizeJournal> journal_;
  std::vector<StagedFile> files_;
  std::vector<bool> taken_over_;
  std::map<size_t, Buffer> requantized_;  // dequantized weights of items that are under way
  std::optional<CandidateStore> kept_;
  std::vector<std::string> keys_;  // in it, of tensors that were looked up
  std::unique_ptr<Quantizer> quantizer_;  // after store_, whose weights it reads
  size_t next_start_ = 0;                 // first tensor not handed to it
  std::set<std::string> wanted_;  // of an arriving source
  MomentsOptions moments_options_;
  MomentsByModule moments_;
  int64_t tensors_done_ = 0, bytes_done_ = 0, unsynced_bytes_ = 0;
  Clock::time_point last_sync_ = Clock::now();
  QuantizeModelResult result_;
  std::future<void> syncing_;  // last: its destructor waits for the thread that uses the members above
};

}  // namespace

QuantizeModelResult quantize_model(const QuantizeModelOptions& options, Reporter& reporter) {
  return Run(options, reporter).run();
}

}  // namespace hqq
