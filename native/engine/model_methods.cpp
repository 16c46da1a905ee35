// model.load, model.unload, model.generate, model.logits, model.perplexity
#include <chrono>
#include <limits>

#include "engine/cuda_library.h"
#include "engine/device_executors.h"
#include "engine/device_field.h"
#include "engine/dtype_field.h"
#include "engine/fields.h"
#include "engine/machine.h"
#include "engine/methods.h"
#include "engine/pixels.h"
#include "engine/token_ids.h"
#include "io/safetensors.h"

namespace hqq {
namespace {

/// Larger than any count a caller means, small enough to add and multiply.
constexpr int64_t kMany = int64_t{1} << 40;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// What a GPU holds for a model, for the fields of the memory that are not the model's own; its peak joins the host's.
Json gpu_memory(const std::string& device, int64_t& peak_bytes) {
  CudaLibrary& cuda = CudaLibrary::instance();
  const HqqCudaDeviceInfo info = cuda.device(device).info;
  HqqCudaMemory own{};
  cuda.call(cuda.api().device.memory, info.ordinal, &own);
  peak_bytes += own.peak;
  Json json;
  json.set("id", device)
      .set("totalBytes", info.total_bytes)
      .set("freeBytes", info.free_bytes)
      .set("otherBytes", info.other_bytes >= 0 ? Json(info.other_bytes) : Json());
  return json;
}

void reset_gpu_peak(const std::string& device) {
  CudaLibrary& cuda = CudaLibrary::instance();
  cuda.call(cuda.api().device.reset_peak, cuda.device(device).info.ordinal);
}

/// What the parts of a loaded model hold together.
ModelInfo held_by(const Model* model, const VisionModel* vision) {
  ModelInfo held = model ? model->info() : ModelInfo{};
  if (!vision) return held;
  const VisionInfo towers = vision->info();
  held.weight_bytes += towers.weight_bytes;
  held.mapped_bytes += towers.mapped_bytes;
  held.metadata_bytes += towers.metadata_bytes;
  held.scratch_bytes += towers.scratch_bytes;
  return held;
}

ModelInfo held_by(const Engine::Use& use) {
  return held_by(use.writes() ? &use.model() : nullptr, use.sees() ? &use.vision() : nullptr);
}

Json memory_of(const ModelInfo& info, const std::string& device) {
  Json memory;
  int64_t peak_bytes = memory_counts().peak_total;
  if (device != "cpu") memory.set("device", gpu_memory(device, peak_bytes));
  memory.set("weightsBytes", info.weight_bytes + info.mapped_bytes)
      .set("metadataBytes", info.metadata_bytes)
      .set("kvCacheBytes", info.kv_cache_bytes)
      .set("scratchBytes", info.scratch_bytes)
      .set("peakBytes", peak_bytes)
      .set("residentBytes", resident_bytes());
  return memory;
}

/// Passes what a model reports on under the `type` that the contract gives it; other reports are dropped.
class RenamedProgress final : public Reporter {
 public:
  RenamedProgress(Reporter& target, std::string phase, std::string type)
      : target_(target), phase_(std::move(phase)), type_(std::move(type)) {}

  void progress(const std::string& json) override {
    const Json report = parse_json(json);
    if (report.get("phase", "") != phase_) return;
    Json event;
    event.set("type", type_).set("done", report.at("done")).set("total", report.at("total"));
    if (type_ == "progress") event.set("perplexity", report.find("perplexity") ? report.at("perplexity") : Json());
    target_.progress(event.dump());
  }
  void emit(const std::string&) override {}
  bool cancelled() const override { return target_.cancelled(); }

 private:
  Reporter& target_;
  std::string phase_, type_;
};

Json load(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.load");
  const std::string dir = fields.text("dir");
  LoadOptions options;
  const auto compute_dtype = optional_dtype(fields, "computeDtype");
  options.context_length = fields.integer("contextLength", 1, std::numeric_limits<int32_t>::max());
  const bool fast = fields.flag("fast");
  options.device = read_device(fields);
  // What rounded activations are on a CPU, float16 is on a GPU: the arithmetic of answers, not of measurements.
  if (fast && options.device != "cpu" && options.compute_dtype == DType::f32) options.compute_dtype = DType::f16;
  fields.done();
  // The type that each does best: a GPU's tensor cores take 16 bits.
  options.compute_dtype = compute_dtype.value_or(options.device == "cpu" ? DType::f32 : DType::f16);

  const auto start = std::chrono::steady_clock::now();
  reset_peak();
  if (options.device != "cpu") {
    enable_device_executors();
    reset_gpu_peak(options.device);
  }
  const Json config = read_json_file(dir + "/config.json");
  std::unique_ptr<Model> model;
  std::unique_ptr<VisionModel> vision;
  if (is_vision_config(config)) {
    require(options.device == "cpu", ErrorCode::unsupported,
            "models that see run on the CPU; choose the device \"cpu\"");
    vision = VisionModel::load(dir, options, reporter);
  }
  if (!vision || vision->config().kind == VisionKind::llava) model = Model::load(dir, options, reporter);
  const ModelInfo info = held_by(model.get(), vision.get());
  Json result;
  result.set("vocabSize", info.config.vocab_size)
      .set("memory", memory_of(info, options.device))
      .set("seconds", seconds_since(start));
  result.set("handle", engine.add(std::move(model), fast ? Numerics::fast : Numerics::exact, options.device,
                                  std::move(vision)));
  return result;
}

Json unload(Engine& engine, const Json& input, Reporter&) {
  Fields fields(input, "model.unload");
  const std::string handle = fields.text("handle");
  fields.done();
  engine.remove(handle);
  return Json::Object{};
}

Json generate(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.generate");
  const std::string handle = fields.text("handle");
  auto ids = read_token_ids(fields.list("ids"), "model.generate: field \"ids\"");
  GenerateOptions options;
  options.sampling.temperature = fields.number("temperature", 0, 1e6);
  options.sampling.top_k = fields.integer("topK", 0, kMany);
  options.sampling.top_p = fields.number("topP", 0, 1);
  options.sampling.min_p = fields.number("minP", 0, 1);
  options.sampling.repetition_penalty = fields.number("repetitionPenalty", 1e-3, 1e3);
  options.sampling.seed = static_cast<uint64_t>(fields.integer("seed", 0, int64_t{1} << 53));
  options.max_new_tokens = fields.integer("maxNewTokens", 1, kMany);
  options.stop_ids = read_token_ids(fields.list("stopIds"), "model.generate: field \"stopIds\"");
  const auto pixels = optional_pixels(fields);
  fields.done();

  const Engine::Use use(engine, handle);
  options.numerics = use.numerics();
  const auto start = std::chrono::steady_clock::now();
  if (pixels) ids = with_pictures(use, ids, *pixels, reporter);
  const double seeing_seconds = seconds_since(start);
  RenamedProgress prefill(reporter, "prefill", "prefill");
  const auto on_token = [&](int32_t id) { reporter.emit("{\"type\":\"token\",\"id\":" + std::to_string(id) + "}"); };
  const GenerateResult generated = use.model().generate(ids, options, on_token, prefill);

  Json::Array new_ids;
  for (const int32_t id : generated.new_ids) new_ids.emplace_back(id);
  Json result;
  result.set("newIds", std::move(new_ids))
      .set("finishReason", to_string(generated.finish_reason))
      .set("promptTokens", generated.prompt_tokens)
      .set("reusedTokens", generated.reused_tokens)
      .set("prefillSeconds", seeing_seconds + generated.prefill_seconds)
      .set("decodeSeconds", generated.decode_seconds)
      .set("memory", memory_of(held_by(use), use.device()));
  return result;
}

Json logits(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.logits");
  const std::string handle = fields.text("handle");
  std::vector<std::vector<int32_t>> ids;
  for (const Json& row : fields.list("ids")) {
    require(row.is_array(), ErrorCode::bad_input, "model.logits: field \"ids\" is not a list of lists");
    ids.push_back(read_token_ids(row, "model.logits: field \"ids\""));
  }
  const std::string out = fields.text("out");
  const auto pixels = optional_pixels(fields);
  fields.done();
  require(!ids.empty() && !ids.front().empty(), ErrorCode::bad_input, "model.logits: field \"ids\" is empty");
  for (const auto& row : ids) {
    require(row.size() == ids.front().size(), ErrorCode::bad_input,
            "model.logits: the lists of ids are not equally long");
  }

  const Engine::Use use(engine, handle);
  const Shape shape = {static_cast<int64_t>(ids.size()), static_cast<int64_t>(ids.front().size()),
                       use.model().info().config.vocab_size};
  if (pixels) {
    require(ids.size() == 1, ErrorCode::bad_input, "model.logits: pictures belong to one list of ids");
    ids.front() = with_pictures(use, ids.front(), *pixels, reporter);
  }
  const Buffer values(numel(shape) * 4, MemoryUse::scratch);
  use.model().logits(ids, values.span<float>(), use.numerics(), reporter);
  write_safetensors(out, {{"logits", {values.data(), DType::f32, shape}}});
  Json::Array extents;
  for (const int64_t extent : shape) extents.emplace_back(extent);
  Json result;
  result.set("shape", std::move(extents));
  return result;
}

Json perplexity(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.perplexity");
  const std::string handle = fields.text("handle");
  const std::string ids_file = fields.text("idsFile");
  const std::string protocol = fields.text("protocol");
  PerplexityOptions options;
  options.window = fields.integer("window", 2, kMany);
  options.stride = fields.integer("stride", 1, kMany);
  const int64_t max_tokens = fields.optional("maxTokens") ? fields.integer("maxTokens", 2, kMany) : 0;
  fields.done();
  require(protocol == "hqq" || protocol == "windows", ErrorCode::bad_input,
          "model.perplexity: protocol is \"hqq\" or \"windows\"");
  options.protocol = protocol == "hqq" ? PerplexityProtocol::hqq : PerplexityProtocol::windows;

  const auto ids = read_token_ids_file(ids_file, max_tokens);
  const Engine::Use use(engine, handle);
  options.numerics = use.numerics();
  RenamedProgress progress(reporter, "perplexity", "progress");
  const PerplexityResult measured = use.model().perplexity(ids, options, progress);
  Json result;
  result.set("perplexity", measured.perplexity)
      .set("negativeLogLikelihood", measured.nll_sum)
      .set("tokens", static_cast<int64_t>(ids.size()))
      .set("scoredTokens", measured.scored_tokens)
      .set("windows", measured.windows)
      .set("seconds", measured.seconds);
  return result;
}

}  // namespace

void add_model_methods(std::map<std::string, Method>& table) {
  table["model.load"] = load;
  table["model.unload"] = unload;
  table["model.generate"] = generate;
  table["model.logits"] = logits;
  table["model.perplexity"] = perplexity;
}

}  // namespace hqq
