#include "engine/quantize_plan.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>

#include "io/hqq_layer.h"
#include "quant/method.h"

namespace hqq {
namespace {

constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kBias = ".bias";
/// All output files are open at once; a process has about a thousand descriptors.
constexpr size_t kMaxFiles = 500;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_float(const std::string& dtype) { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }

/// True for a tensor of a layer that is quantized already; such parts must stay as they are.
bool is_quantized_part(const std::string& name, const std::set<std::string>& quantized_modules) {
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (quantized_modules.contains(name.substr(0, dot))) return true;
  }
  return false;
}

void plan_outputs(WorkItem& item, const Shape& shape, DType meta_dtype) {
  const LayerChoice& choice = *item.choice;
  quant_method(choice.method);
  item.meta_dtype = meta_dtype;
  try {
    item.outputs = hqq_layer_specs(choice.module, shape, choice.config, meta_dtype);
  } catch (const EngineError& error) {
    throw EngineError(error.code(), choice.module + ": " + error.what());
  }
}

void plan_quantized(WorkItem& item, const TensorEntry& entry, std::optional<DType> compute_dtype) {
  const std::string& module = item.choice->module;
  require(entry.shape.size() == 2, ErrorCode::bad_input,
          module + ": only matrices are quantized, its weight has the shape " + to_string(entry.shape));
  require(is_float(entry.dtype), ErrorCode::unsupported,
          module + ": weights of type " + entry.dtype + " cannot be quantized");
  plan_outputs(item, entry.shape, compute_dtype.value_or(*dtype_from_safetensors(entry.dtype)));
}

/// A layer that is stored quantized and gets other bits. Its metadata is of half precision unless something else is asked for: what was
/// lost when it was quantized first is more than that.
WorkItem plan_requantized(const TensorStore& store, const LayerChoice& choice, std::optional<DType> compute_dtype) {
  const HqqLayerInfo info = describe_hqq_layer(store, choice.module);
  WorkItem item;
  item.source = choice.module + std::string(kWeight);
  item.source_bytes = info.packed_bytes + info.metadata_bytes;
  item.choice = choice;
  item.stored_quantized = true;
  plan_outputs(item, info.shape, compute_dtype.value_or(DType::f16));
  return item;
}

std::vector<WorkItem> plan_items(const TensorStore& store, const std::vector<LayerChoice>& choices,
                                 std::optional<DType> compute_dtype) {
  std::map<std::string, const LayerChoice*> choice_of;
  for (const LayerChoice& choice : choices) {
    const std::string weight = choice.module + std::string(kWeight);
    require(store.contains(weight) || is_hqq_layer(store, choice.module), ErrorCode::bad_input,
            choice.module + ": the model has no linear layer of this name");
    require(choice_of.emplace(weight, &choice).second, ErrorCode::bad_input, choice.module + " is in the plan twice");
  }
  const auto names = hqq_layer_names(store);
  const std::set<std::string> quantized_modules(names.begin(), names.end());
  std::set<std::string> requantized;
  std::vector<WorkItem> items;
  for (const auto& [weight, choice] : choice_of) {
    if (store.contains(weight)) continue;
    requantized.insert(choice->module);
    items.push_back(plan_requantized(store, *choice, compute_dtype));
  }
  for (const TensorEntry& entry : store.entries()) {
    if (!entry.name.ends_with(kBias) && is_quantized_part(entry.name, requantized)) continue;
    WorkItem item;
    item.source = entry.name;
    item.source_bytes = entry.bytes;
    if (const auto chosen = choice_of.find(entry.name); chosen != choice_of.end()) {
      item.choice = *chosen->second;
      plan_quantized(item, entry, compute_dtype);
    } else {
      const bool convert = compute_dtype && is_float(entry.dtype) && entry.dtype != to_string(*compute_dtype) &&
                           !is_quantized_part(entry.name, quantized_modules);
      if (convert) item.cast = compute_dtype;
      item.outputs = {convert ? tensor_spec(entry.name, *compute_dtype, entry.shape)
                              : TensorSpec{entry.name, entry.dtype, entry.shape, entry.bytes}};
    }
    items.push_back(std::move(item));
  }
  return items;
}

/// Gives each item to a file in order, so that a layer's tensors stay together.
std::vector<std::vector<WorkItem*>> fill_files(std::vector<WorkItem>& items, int64_t max_file_bytes) {
  std::vector<std::vector<WorkItem*>> files(1);
  int64_t used = 0;
  for (WorkItem& item : items) {
    const int64_t bytes = item.output_bytes();
    if (used > 0 && used + bytes > max_file_bytes) {
      files.emplace_back();
      used = 0;
    }
    files.back().push_back(&item);
    used += bytes;
  }
  return files;
}

std::string file_name(size_t index, size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

struct Slot {
  WorkItem* item;
  size_t output;
  const TensorSpec& spec() const { return item->outputs[output]; }
};

void place(const std::vector<WorkItem*>& items, int64_t index, OutputFilePlan& file) {
  std::vector<Slot> slots;
  for (WorkItem* item : items) {
    item->placements.resize(item->outputs.size());
    for (size_t i = 0; i < item->outputs.size(); ++i) slots.push_back({item, i});
  }
  std::sort(slots.begin(), slots.end(),
            [](const Slot& a, const Slot& b) { return written_before(a.spec(), b.spec()); });
  std::vector<TensorSpec> specs;
  for (const Slot& slot : slots) specs.push_back(slot.spec());
  file.header = safetensors_header(specs, {{"format", "pt"}});
  file.bytes = static_cast<int64_t>(file.header.size());
  for (const Slot& slot : slots) {
    slot.item->placements[slot.output] = {index, file.bytes};
    file.bytes += slot.spec().bytes;
  }
}

std::string index_of(const QuantizePlan& plan) {
  std::map<std::string, std::string> file_of;
  int64_t total = 0;
  for (const WorkItem& item : plan.items) {
    total += item.output_bytes();
    for (size_t i = 0; i < item.outputs.size(); ++i) {
      file_of[item.outputs[i].name] = plan.files[static_cast<size_t>(item.placements[i].file)].name;
    }
  }
  Json::Object weight_map;
  for (const auto& [name, file] : file_of) weight_map.emplace_back(name, Json(file));
  Json metadata;
  metadata.set("total_size", total);
  Json index;
  index.set("metadata", std::move(metadata)).set("weight_map", Json(std::move(weight_map)));
  return index.dump(2) + "\n";
}

}  // namespace

int64_t WorkItem::output_bytes() const {
  return std::accumulate(outputs.begin(), outputs.end(), int64_t{0},
                         [](int64_t sum, const TensorSpec& spec) { return sum + spec.bytes; });
}

QuantizePlan plan_quantization(const TensorStore& store, const std::vector<LayerChoice>& choices,
                               std::optional<DType> compute_dtype, int64_t max_file_bytes) {
  return lay_out(plan_items(store, choices, compute_dtype), max_file_bytes);
}

QuantizePlan lay_out(std::vector<WorkItem> items, int64_t max_file_bytes) {
  QuantizePlan plan;
  plan.items = std::move(items);
  std::sort(plan.items.begin(), plan.items.end(),
            [](const WorkItem& a, const WorkItem& b) { return natural_less(a.source, b.source); });
  const auto contents = fill_files(plan.items, max_file_bytes);
  require(contents.size() <= kMaxFiles, ErrorCode::bad_input,
          "a model of more than " + std::to_string(kMaxFiles) + " files is not written; choose larger ones");
  for (size_t i = 0; i < contents.size(); ++i) {
    OutputFilePlan file{file_name(i, contents.size()), "", 0};
    place(contents[i], static_cast<int64_t>(i), file);
    plan.output_bytes += file.bytes;
    plan.files.push_back(std::move(file));
  }
  for (const WorkItem& item : plan.items) plan.source_bytes += item.source_bytes;
  if (plan.files.size() > 1) plan.index = index_of(plan);
  return plan;
}

bool natural_less(std::string_view a, std::string_view b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto number = [](std::string_view text, size_t& at) {
        while (at + 1 < text.size() && text[at] == '0' && is_digit(text[at + 1])) ++at;
        const size_t start = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return text.substr(start, at - start);
      };
      const std::string_view x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // equal but for leading zeros
}

}  // namespace hqq
