#include "engine/convert_model.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "engine/convert_qmodel.h"
#include "engine/quantize_plan.h"
#include "engine/write_folder.h"
#include "io/compressed_writer.h"
#include "io/hqq_layer.h"
#include "io/qmodel_writer.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

WorkItem kept_item(const TensorEntry& entry) {
  WorkItem item;
  item.source = entry.name;
  item.source_bytes = entry.bytes;
  item.outputs = {TensorSpec{entry.name, entry.dtype, entry.shape, entry.bytes}};
  return item;
}

void drop_layer(const TensorStore& store, const std::string& module) {
  for (const char* part : {".W_q", ".scale", ".zero"}) store.drop(module + part);
}

/// Everything as it is: layers of other formats have been taken over as HQQ layers when the model was opened.
WrittenFolder write_hqq(const TensorStore& store, const ConvertModelOptions& options, ConvertModelResult& result, Reporter& reporter) {
  std::vector<WorkItem> items;
  for (const TensorEntry& entry : store.entries()) items.push_back(kept_item(entry));
  result.kept_tensors = static_cast<int64_t>(items.size());
  return write_folder(
      lay_out(std::move(items), options.max_file_bytes), options.out_dir,
      [&](const WorkItem& item, const WriteOutput& write) {
        write(0, store.bytes(*store.find(item.source)));
        store.drop(item.source);
      },
      reporter);
}

int chosen_width(const TensorStore& store, const std::vector<std::string>& modules, int wanted) {
  require(wanted == 0 || wanted == 4 || wanted == 8, ErrorCode::bad_input, "compressed-tensors is written with 4 or 8 bits");
  if (wanted != 0) return wanted;
  return std::all_of(modules.begin(), modules.end(), [&](const auto& module) { return describe_hqq_layer(store, module).config.nbits <= 4; }) ? 4 : 8;
}

/// Matrices that stay plain and would be taken for layers of the scheme.
std::vector<std::string> plain_linears(const TensorStore& store) {
  constexpr std::string_view suffix = ".weight";
  std::vector<std::string> names;
  for (const TensorEntry& entry : store.entries()) {
    if (!entry.name.ends_with(suffix) || entry.shape.size() != 2) continue;
    const std::string module = entry.name.substr(0, entry.name.size() - suffix.size());
    if (!is_token_table(module)) names.push_back(module);
  }
  // A tied head has no tensor of its own.
  if (!store.contains("lm_head.weight") && !is_hqq_layer(store, "lm_head")) names.emplace_back("lm_head");
  return names;
}

WrittenFolder write_compressed(const TensorStore& store, const ConvertModelOptions& options, ConvertModelResult& result, Reporter& reporter) {
  std::vector<std::string> modules = hqq_layer_names(store);
  const int nbits = chosen_width(store, modules, options.nbits);
  std::map<std::string, CompressedSpec> specs;  // by the item's name
  std::set<std::string> parts;
  std::vector<WorkItem> items;
  for (const std::string& module : modules) {
    check_cancelled(reporter);
    const QuantizedTensor layer = load_hqq_layer(store, module);
    WorkItem item;
    item.source = module + ".weight";
    item.source_bytes = layer.bytes();
    item.meta_dtype = layer.scale.quantized ? DType::f16 : layer.scale.dtype;
    item.outputs = {tensor_spec(item.source, item.meta_dtype, layer.shape)};
    if (!is_token_table(module)) {
      const CompressedSpec spec = compressed_spec(module, layer, nbits);
      item.outputs = compressed_tensors(spec);
      specs.emplace(item.source, spec);
    }
    items.push_back(std::move(item));
    parts.insert(module);
    drop_layer(store, module);
  }
  const auto is_part = [&](const std::string& name) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      if (parts.contains(name.substr(0, dot)) && name.substr(dot) != ".bias") return true;
    return false;
  };
  for (const TensorEntry& entry : store.entries())
    if (!is_part(entry.name)) items.push_back(kept_item(entry));
  std::vector<CompressedSpec> layers;
  for (const auto& [name, spec] : specs) layers.push_back(spec);
  result.layers = static_cast<int64_t>(layers.size());
  result.quantization_config = compressed_quantization_config(layers, plain_linears(store));
  return write_folder(
      lay_out(std::move(items), options.max_file_bytes), options.out_dir,
      [&](const WorkItem& item, const WriteOutput& write) {
        const std::string module = item.source.substr(0, item.source.rfind('.'));
        if (const auto spec = specs.find(item.source); spec != specs.end()) {
          const std::vector<Buffer> values = compressed_values(spec->second, load_hqq_layer(store, module));
          for (size_t i = 0; i < values.size(); ++i) write(i, {values[i].data(), static_cast<size_t>(values[i].bytes())});
          drop_layer(store, module);
        } else if (parts.contains(module) && !store.contains(item.source)) {
          const Buffer weight(item.outputs.front().bytes, MemoryUse::scratch);
          dequantize(load_hqq_layer(store, module), item.meta_dtype, weight.data());
          write(0, {weight.data(), static_cast<size_t>(weight.bytes())});
          drop_layer(store, module);
        } else {
          ++result.kept_tensors;
          write(0, store.bytes(*store.find(item.source)));
          store.drop(item.source);
        }
      },
      reporter);
}

/// A tensor's values, or a quantized layer's weight, in float32. `name`: as it is called when it is plain.
Buffer plain_values(const TensorStore& store, const std::string& name, Shape& shape) {
  const std::string module = name.substr(0, name.rfind('.'));
  if (!store.contains(name) && is_hqq_layer(store, module)) {
    const QuantizedTensor layer = load_hqq_layer(store, module);
    shape = layer.shape;
    Buffer values(numel(shape) * 4, MemoryUse::scratch);
    dequantize(layer, values.as<float>());
    drop_layer(store, module);
    return values;
  }
  require(store.contains(name), ErrorCode::bad_file, "the converted model lacks " + name);
  const TensorView view = store.view(name);
  shape = view.shape;
  Buffer values(view.numel() * 4, MemoryUse::scratch);
  to_f32(view.data, view.dtype, values.as<float>(), view.numel());
  store.drop(name);
  return values;
}

bool is_float(const std::string& dtype) { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }

}  // namespace

ConvertModelResult convert_model(const ConvertModelOptions& options, Reporter& reporter) {
  const auto start = std::chrono::steady_clock::now();
  const TensorStore store = TensorStore::open(options.model_dir);
  ConvertModelResult result;
  result.layers = static_cast<int64_t>(hqq_layer_names(store).size());
  require(result.layers > 0, ErrorCode::bad_input, "nothing in this model is quantized; quantize it first");
  WrittenFolder written;
  if (options.format == "hqq-safetensors") written = write_hqq(store, options, result, reporter);
  else if (options.format == "compressed-tensors") written = write_compressed(store, options, result, reporter);
  else if (options.format == "qmodel") written = write_qmodel(store, options.out_dir, reporter);
  else throw EngineError(ErrorCode::bad_input, "models are not converted to \"" + options.format.substr(0, 100) + "\"");
  result.files = std::move(written.files);
  result.file_bytes = written.file_bytes;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

WeightDifference compare_weights(const std::string& model_dir, const std::string& other_dir, Reporter& reporter) {
  const TensorStore store = TensorStore::open(model_dir), other = TensorStore::open(other_dir);
  std::set<std::string> names;
  const auto layers = hqq_layer_names(store);
  const std::set<std::string> modules(layers.begin(), layers.end());
  for (const std::string& module : layers) names.insert(module + ".weight");
  for (const TensorEntry& entry : store.entries()) {
    const std::string module = entry.name.substr(0, entry.name.rfind('.'));
    if (is_float(entry.dtype) && (!modules.contains(module) || entry.name.ends_with(".bias")) &&
        !modules.contains(module.substr(0, module.rfind('.'))))
      names.insert(entry.name);
  }
  WeightDifference difference;
  double sum = 0, magnitude = 0;
  int64_t weights = 0, done = 0;
  for (const std::string& name : names) {
    check_cancelled(reporter);
    Json event;
    event.set("type", "progress").set("tensorsDone", done++).set("tensorsTotal", static_cast<int64_t>(names.size())).set("current", name);
    reporter.progress(event.dump());
    Shape shape, other_shape;
    const Buffer a = plain_values(store, name, shape), b = plain_values(other, name, other_shape);
    require(shape == other_shape, ErrorCode::bad_file, name + " has shape " + to_string(other_shape) + " in the converted model, " + to_string(shape) + " before");
    double tensor_sum = 0, tensor_magnitude = 0, largest = 0;
    const int64_t count = numel(shape);
    for (int64_t i = 0; i < count; ++i) {
      const double off = std::abs(static_cast<double>(a.as<float>()[i]) - static_cast<double>(b.as<float>()[i]));
      tensor_sum += off;
      tensor_magnitude += std::abs(static_cast<double>(a.as<float>()[i]));
      // Also true for a value that is not a number.
      if (!(off <= largest)) largest = off;
    }
    ++difference.tensors;
    if (tensor_sum == 0) {
      ++difference.exact;
      continue;
    }
    sum += tensor_sum;
    magnitude += tensor_magnitude;
    weights += count;
    difference.max_error = std::max(difference.max_error, largest);
  }
  difference.mean_error = weights == 0 ? 0 : sum / static_cast<double>(weights);
  difference.mean_magnitude = weights == 0 ? 0 : magnitude / static_cast<double>(weights);
  return difference;
}

}  // namespace hqq
