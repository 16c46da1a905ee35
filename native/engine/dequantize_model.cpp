#include "engine/dequantize_model.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <span>

#include "engine/quantize_plan.h"
#include "io/hqq_layer.h"
#include "io/json.h"
#include "io/output_file.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

constexpr int64_t kPieceBytes = int64_t{8} << 20;

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
  std::vector<OutputFile> files;
  DequantizeModelResult result;
  for (const OutputFilePlan& file : plan.files) {
    files.emplace_back(options.out_dir + "/" + file.name + ".partial", OutputFile::Mode::truncate);
    files.back().reserve(file.bytes);
    files.back().write_at(0, std::as_bytes(std::span(file.header.data(), file.header.size())));
    result.file_bytes += file.bytes;
  }
  int64_t done = 0, bytes_done = 0;
  for (const WorkItem& item : plan.items) {
    check_cancelled(reporter);
    Json event;
    event.set("type", "progress").set("tensorsDone", done).set("tensorsTotal", static_cast<int64_t>(plan.items.size()));
    event.set("bytesDone", bytes_done).set("bytesTotal", plan.source_bytes).set("current", item.source);
    reporter.progress(event.dump());
    const Placement& place = item.placements.front();
    OutputFile& file = files[static_cast<size_t>(place.file)];
    if (const auto module = modules.find(item.source); module != modules.end()) {
      const Buffer weight(item.outputs.front().bytes, MemoryUse::scratch);
      dequantize(load_hqq_layer(store, module->second), item.meta_dtype, weight.data());
      file.write_at(place.offset, std::span(weight.data(), static_cast<size_t>(item.outputs.front().bytes)));
      ++result.dequantized_layers;
    } else {
      const TensorEntry& entry = *store.find(item.source);
      const auto all = store.bytes(entry);
      for (int64_t at = 0; at < entry.bytes; at += kPieceBytes) {
        check_cancelled(reporter);
        const auto size = static_cast<size_t>(std::min(kPieceBytes, entry.bytes - at));
        file.write_at(place.offset + at, all.subspan(static_cast<size_t>(at), size));
      }
      ++result.kept_tensors;
    }
    ++done;
    bytes_done += item.source_bytes;
  }
  for (OutputFile& file : files) file.sync();
  files.clear();
  for (const OutputFilePlan& file : plan.files) {
    const std::string path = options.out_dir + "/" + file.name;
    rename_durably(path + ".partial", path);
    result.files.push_back(file.name);
  }
  if (!plan.index.empty()) {
    const std::string name = "model.safetensors.index.json";
    OutputFile index(options.out_dir + "/" + name, OutputFile::Mode::truncate);
    index.append(plan.index);
    index.sync();
    result.files.push_back(name);
    result.file_bytes += static_cast<int64_t>(plan.index.size());
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace hqq
