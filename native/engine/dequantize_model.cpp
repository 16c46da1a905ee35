#include "engine/dequantize_model.h"

#include <chrono>
#include <map>
#include <set>
#include <span>

#include "engine/quantize_plan.h"
#include "engine/write_folder.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

/// The HQQ layer whose parts `name` is one of; empty for a plain tensor. A bias is no part: it stays as it is.
std::string layer_of(const std::string& name, const std::set<std::string>& layers) {
  if (name.ends_with(".bias")) return {};
  for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1))
    if (layers.contains(name.substr(0, dot))) return name.substr(0, dot);
  return {};
}

/// One item for each tensor of the result, named like it; `modules` gets the layer behind each reconstructed one.
std::vector<WorkItem> plan_items(const TensorStore& store, std::optional<DType> dtype,
                                 std::map<std::string, std::string>& modules) {
  std::set<std::string> layers;
  std::vector<WorkItem> items;
  for (const std::string& module : hqq_layer_names(store)) {
    layers.insert(module);
    const HqqLayerInfo info = describe_hqq_layer(store, module);
    const TensorEntry* scale = store.find(module + ".scale");
    WorkItem item;
    item.source = module + ".weight";
    item.source_bytes = info.packed_bytes + info.metadata_bytes;
    item.meta_dtype = dtype.value_or(scale ? dtype_from_safetensors(scale->dtype).value_or(DType::f32) : DType::f32);
    item.outputs = {tensor_spec(item.source, item.meta_dtype, info.shape)};
    modules.emplace(item.source, module);
    items.push_back(std::move(item));
  }
  require(!items.empty(), ErrorCode::bad_input, "nothing in this model is quantized");
  for (const TensorEntry& entry : store.entries()) {
    if (!layer_of(entry.name, layers).empty()) continue;
    WorkItem item;
    item.source = entry.name;
    item.source_bytes = entry.bytes;
    item.outputs = {TensorSpec{entry.name, entry.dtype, entry.shape, entry.bytes}};
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

DequantizeModelResult dequantize_model(const DequantizeModelOptions& options, Reporter& reporter) {
  const auto start = std::chrono::steady_clock::now();
  const TensorStore store = TensorStore::open(options.model_dir);
  std::map<std::string, std::string> modules;
  const QuantizePlan plan = lay_out(plan_items(store, options.dtype, modules), options.max_file_bytes);
  DequantizeModelResult result;
  const WrittenFolder written = write_folder(
      plan, options.out_dir,
      [&](const WorkItem& item, const WriteOutput& write) {
        const auto module = modules.find(item.source);
        if (module == modules.end()) {
          write(0, store.bytes(*store.find(item.source)));
          store.drop(item.source);
          ++result.kept_tensors;
          return;
        }
        const Buffer weight(item.outputs.front().bytes, MemoryUse::scratch);
        dequantize(load_hqq_layer(store, module->second), item.meta_dtype, weight.data());
        for (const char* part : {".W_q", ".scale", ".zero"}) store.drop(module->second + part);
        write(0, std::span(weight.data(), static_cast<size_t>(weight.bytes())));
        ++result.dequantized_layers;
      },
      reporter);
  result.files = written.files;
  result.file_bytes = written.file_bytes;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace hqq
