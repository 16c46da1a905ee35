// model.sensitivity
#include <limits>

#include "engine/dtype_field.h"
#include "engine/methods.h"
#include "engine/quant_field.h"
#include "engine/sensitivity.h"

namespace hqq {
namespace {

SensitivityOptions::Layer read_layer(const Json& json) {
  Fields fields(json, "model.sensitivity: layers");
  SensitivityOptions::Layer layer;
  layer.module = fields.text("name");
  for (const Json& candidate : fields.list("candidates")) {
    const QuantRequest request = read_quant(candidate, "model.sensitivity: " + layer.module);
    layer.candidates.push_back({layer.module, request.config, request.method});
  }
  require(!layer.candidates.empty(), ErrorCode::bad_input, "model.sensitivity: " + layer.module + " has no candidates");
  layer.probe = static_cast<size_t>(fields.integer("probe", 0, static_cast<int64_t>(layer.candidates.size()) - 1));
  fields.done();
  return layer;
}

Json to_json(const LayerSensitivity& layer) {
  Json::Array candidates;
  for (const CandidateLoss& loss : layer.candidates) {
    Json entry;
    candidates.push_back(entry.set("relativeError", loss.relative_error)
                             .set("weightedError", loss.weighted_error)
                             .set("bytes", loss.bytes)
                             .set("seconds", loss.seconds)
                             .set("kept", loss.kept));
  }
  Json event;
  return event.set("type", "layer").set("name", layer.module).set("divergence", layer.divergence).set("candidates", std::move(candidates));
}

/// Gives progress the `type` that the contract has.
class TypedProgress final : public Reporter {
 public:
  explicit TypedProgress(Reporter& target) : target_(target) {}
  void progress(const std::string& json) override {
    Json event = parse_json(json);
    target_.progress(event.set("type", "progress").dump());
  }
  void emit(const std::string& json) override { target_.emit(json); }
  bool cancelled() const override { return target_.cancelled(); }

 private:
  Reporter& target_;
};

Json sensitivity(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.sensitivity");
  SensitivityOptions options;
  options.model_dir = fields.text("modelDir");
  for (const Json& layer : fields.list("layers")) options.layers.push_back(read_layer(layer));
  options.meta_dtype = optional_dtype(fields, "computeDtype").value_or(DType::f16);
  options.tokens = fields.integer("tokens", 1, int64_t{1} << 24);
  if (fields.optional("seed")) options.moments.seed = static_cast<uint64_t>(fields.integer("seed", 0, int64_t{1} << 53));
  if (fields.optional("textIdsFile")) options.moments.text_ids_file = fields.text("textIdsFile");
  if (fields.optional("momentsFile")) options.moments.keep_in = fields.text("momentsFile");
  if (fields.optional("storeDir")) options.store_dir = fields.text("storeDir");
  fields.done();
  require(!options.layers.empty(), ErrorCode::bad_input, "model.sensitivity: no layers");

  TypedProgress progress(reporter);
  const auto each = [&](const LayerSensitivity& layer) { reporter.emit(to_json(layer).dump()); };
  const SensitivityResult measured = measure_sensitivity(options, each, progress);
  Json result;
  return result.set("tokens", measured.tokens).set("meanNll", measured.mean_nll).set("seconds", measured.seconds);
}

}  // namespace

void add_sensitivity_methods(std::map<std::string, Method>& table) { table["model.sensitivity"] = sensitivity; }

}  // namespace hqq
