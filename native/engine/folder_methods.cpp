// model.inspect, model.quantize, model.dequantize, model.convert and model.compareWeights
#include <filesystem>

#include "engine/convert_model.h"
#include "engine/dequantize_model.h"
#include "engine/device_field.h"
#include "engine/dtype_field.h"
#include "engine/methods.h"
#include "engine/quant_field.h"
#include "engine/quantize_model.h"
#include "io/hqq_layer.h"

namespace hqq {
namespace {

Json to_json(const Shape& shape) {
  Json::Array extents;
  for (const int64_t extent : shape) extents.emplace_back(extent);
  return extents;
}

Json describe(const std::string& name, const HqqLayerInfo& info) {
  Json layer;
  layer.set("name", name)
      .set("nbits", info.config.nbits)
      .set("groupSize", info.config.channel_wise ? Json(info.config.group_size) : Json())
      .set("axis", info.config.axis)
      .set("shape", to_json(info.shape))
      .set("packing", to_string(info.packing))
      .set("quantZero", info.config.quant_zero)
      .set("quantScale", info.config.quant_scale)
      .set("bytes", info.packed_bytes + info.metadata_bytes)
      .set("metadataBytes", info.metadata_bytes);
  return layer;
}

Json inspect(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.inspect");
  const std::string dir = fields.text("dir");
  fields.done();
  const TensorStore store = TensorStore::open(dir);

  Json::Array files, tensors, layers;
  std::vector<std::string> names;
  for (const auto& file : store.files()) {
    names.push_back(std::filesystem::path(file->path()).filename().string());
    Json entry;
    files.push_back(entry.set("name", names.back()).set("bytes", static_cast<int64_t>(file->bytes().size())));
  }
  for (const TensorEntry& tensor : store.entries()) {
    Json entry;
    tensors.push_back(entry.set("name", tensor.name)
                          .set("dtype", tensor.dtype)
                          .set("shape", to_json(tensor.shape))
                          .set("bytes", tensor.bytes)
                          .set("file", names[static_cast<size_t>(tensor.file_index)]));
  }
  for (const std::string& module : hqq_layer_names(store)) {
    check_cancelled(reporter);
    layers.push_back(describe(module, describe_hqq_layer(store, module)));
  }
  Json metadata = Json::Object{};
  for (const auto& [key, text] : store.metadata()) metadata.set(key, text);
  Json result;
  Json::Array notices;
  for (const std::string& notice : store.notices()) notices.emplace_back(notice);
  result.set("files", std::move(files)).set("tensors", std::move(tensors)).set("quantizedLayers", std::move(layers));
  return result.set("notices", std::move(notices)).set("metadata", std::move(metadata));
}

std::vector<std::string> names_of(const Json::Array& list) {
  std::vector<std::string> names;
  for (const Json& name : list) names.push_back(name.as_string());
  return names;
}

/// `tensors` is null when everything has been worked on.
ArrivingSource read_arriving(const Json& input) {
  Fields fields(input, "model.quantize: arriving");
  ArrivingSource source;
  source.identity = fields.text("identity");
  source.discard = names_of(fields.list("discard"));
  if (const Json* tensors = fields.optional("tensors"); tensors && !tensors->is_null()) source.tensors = names_of(tensors->as_array());
  fields.done();
  return source;
}

Json quantize(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.quantize");
  QuantizeModelOptions options;
  options.model_dir = fields.text("modelDir");
  options.out_dir = fields.text("outDir");
  options.compute_dtype = optional_dtype(fields, "computeDtype");
  options.device = read_device(fields);
  options.max_file_bytes =
      static_cast<int64_t>(fields.number_or("maxShardBytes", static_cast<double>(options.max_file_bytes), 1, 1e18));
  if (fields.optional("seed")) options.seed = static_cast<uint64_t>(fields.integer("seed", 0, int64_t{1} << 53));
  if (fields.optional("textIdsFile")) options.text_ids_file = fields.text("textIdsFile");
  if (fields.optional("storeDir")) options.store_dir = fields.text("storeDir");
  if (fields.optional("momentsFile")) options.moments_file = fields.text("momentsFile");
  if (const Json* arriving = fields.optional("arriving")) options.arriving = read_arriving(*arriving);
  for (const Json& item : fields.list("plan")) {
    Fields entry(item, "model.quantize: plan");
    LayerChoice choice;
    choice.module = entry.text("name");
    const QuantRequest request = read_quant(entry.any("quant"), "model.quantize: " + choice.module);
    choice.config = request.config;
    choice.method = request.method;
    entry.done();
    options.choices.push_back(std::move(choice));
  }
  fields.done();

  const QuantizeModelResult made = quantize_model(options, reporter);
  Json::Array files, missing;
  for (const std::string& name : made.files) files.emplace_back(name);
  for (const std::string& name : made.missing) missing.emplace_back(name);
  Json result;
  result.set("files", std::move(files))
      .set("missing", std::move(missing))
      .set("fileBytes", made.file_bytes)
      .set("quantizedTensors", made.quantized_tensors)
      .set("keptTensors", made.kept_tensors)
      .set("resumedTensors", made.resumed_tensors)
      .set("seconds", made.seconds)
      .set("peakBytes", made.peak_bytes);
  return result;
}

Json dequantize(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.dequantize");
  DequantizeModelOptions options;
  options.model_dir = fields.text("modelDir");
  options.out_dir = fields.text("outDir");
  options.dtype = optional_dtype(fields, "dtype");
  options.max_file_bytes =
      static_cast<int64_t>(fields.number_or("maxShardBytes", static_cast<double>(options.max_file_bytes), 1, 1e18));
  fields.done();
  const DequantizeModelResult made = dequantize_model(options, reporter);
  Json::Array files;
  for (const std::string& name : made.files) files.emplace_back(name);
  Json result;
  return result.set("files", std::move(files))
      .set("fileBytes", made.file_bytes)
      .set("dequantizedLayers", made.dequantized_layers)
      .set("keptTensors", made.kept_tensors)
      .set("seconds", made.seconds);
}

Json convert(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.convert");
  ConvertModelOptions options;
  options.model_dir = fields.text("modelDir");
  options.out_dir = fields.text("outDir");
  options.format = fields.text("format");
  if (fields.optional("nbits")) options.nbits = static_cast<int>(fields.integer("nbits", 1, 8));
  options.max_file_bytes =
      static_cast<int64_t>(fields.number_or("maxShardBytes", static_cast<double>(options.max_file_bytes), 1, 1e18));
  fields.done();
  ConvertModelResult made = convert_model(options, reporter);
  Json::Array files;
  for (const std::string& name : made.files) files.emplace_back(name);
  Json result;
  return result.set("files", std::move(files))
      .set("fileBytes", made.file_bytes)
      .set("layers", made.layers)
      .set("keptTensors", made.kept_tensors)
      .set("quantizationConfig", std::move(made.quantization_config))
      .set("seconds", made.seconds);
}

Json compare(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.compareWeights");
  const std::string dir = fields.text("modelDir"), other = fields.text("otherDir");
  fields.done();
  const WeightDifference found = compare_weights(dir, other, reporter);
  Json result;
  return result.set("tensors", found.tensors)
      .set("exact", found.exact)
      .set("maxError", found.max_error)
      .set("meanError", found.mean_error)
      .set("meanMagnitude", found.mean_magnitude);
}

}  // namespace

void add_folder_methods(std::map<std::string, Method>& table) {
  table["model.inspect"] = inspect;
  table["model.quantize"] = quantize;
  table["model.dequantize"] = dequantize;
  table["model.convert"] = convert;
  table["model.compareWeights"] = compare;
}

}  // namespace hqq
