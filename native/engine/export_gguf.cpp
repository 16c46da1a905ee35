#include "engine/export_gguf.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include "engine/quantize_plan.h"
#include "io/gguf_encode.h"
#include "io/hqq_layer.h"
#include "io/output_file.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

constexpr uint32_t kF32 = 0, kF16 = 1, kBF16 = 30;
constexpr std::string_view kWeight = ".weight";

/// One tensor of the file and where its values come from.
struct Item {
  std::string source;         // tensor of the model, or the module of a quantized layer; empty for given values
  bool quantized = false;
  const std::vector<float>* values = nullptr;
  GgufName name;
};

/// Row of the file behind row `row` of the model; io/gguf_names.h says why they differ.
int64_t paired_row(int64_t row, int64_t rows, int64_t heads) {
  if (heads == 0) return row;
  const int64_t of_head = rows / heads, half = of_head / 2, inside = row % of_head;
  return row / of_head * of_head + inside % half * 2 + inside / half;
}

/// Puts rows of equal size into the order of the file.
void order_rows(Buffer& data, int64_t rows, int64_t heads) {
  if (heads == 0) return;
  Buffer ordered(data.bytes(), MemoryUse::scratch);
  const int64_t bytes = data.bytes() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(ordered.data() + paired_row(row, rows, heads) * bytes, data.data() + row * bytes, static_cast<size_t>(bytes));
  }
  data = std::move(ordered);
}

uint32_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return kF32;
    case DType::f16: return kF16;
    case DType::bf16: return kBF16;
    default: throw EngineError(ErrorCode::unsupported, "tensors of type " + std::string(to_string(dtype)) + " are not written as GGUF");
  }
}

class Export {
 public:
  Export(const ExportGgufOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter), store_(TensorStore::open(options.model_dir)) {}

  ExportGgufResult run() {
    const auto start = std::chrono::steady_clock::now();
    collect();
    for (const Item& item : items_) tensors_.push_back(outline(item));
    const std::string header = gguf_header(options_.metadata, tensors_);
    const std::string partial = options_.out + ".partial";
    try {
      write(partial, header);
    } catch (...) {
      std::error_code ignored;
      std::filesystem::remove(partial, ignored);
      throw;
    }
    rename_durably(partial, options_.out);
    result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(result_);
  }

 private:
  void collect() {
    const auto modules = hqq_layer_names(store_);
    const std::set<std::string> layers(modules.begin(), modules.end());
    for (const std::string& module : modules) add({module, true, nullptr, named(module + std::string(kWeight))});
    for (const TensorEntry& entry : store_.entries()) {
      const size_t dot = entry.name.rfind('.');
      const std::string module = dot == std::string::npos ? "" : entry.name.substr(0, dot);
      const bool part = layers.contains(module) || layers.contains(module.substr(0, module.rfind('.')));
      if (part && !entry.name.ends_with(".bias")) continue;
      if (entry.name.ends_with(".rotary_emb.inv_freq")) continue;
      if (options_.tied && entry.name == "lm_head.weight") continue;
      add({entry.name, false, nullptr, named(entry.name)});
    }
    for (const auto& [name, values] : options_.factors) add({"", false, &values, {name, 0, false}});
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return natural_less(a.name.name, b.name.name); });
  }

  GgufName named(const std::string& tensor) const { return gguf_name_of(options_.architecture, tensor, options_.heads); }
  void add(Item item) { items_.push_back(std::move(item)); }

  GgufTensor outline(const Item& item) {
    if (item.values) return {item.name.name, kF32, {static_cast<int64_t>(item.values->size())}, 0, 0};
    if (!item.quantized) {
      const TensorView view = store_.outline(item.source);
      return checked({item.name.name, view.shape.size() == 1 ? kF32 : type_of(options_.float_type.value_or(view.dtype)), view.shape, 0, 0}, item);
    }
    const HqqLayerInfo info = describe_hqq_layer(store_, item.source);
    check_cancelled(reporter_);
    const GgufBlock* block = gguf_block_for(load_hqq_layer(store_, item.source));
    drop(item);
    return checked({item.name.name, block ? block->type : type_of(options_.float_type.value_or(DType::f16)), info.shape, 0, 0}, item);
  }

  static GgufTensor checked(GgufTensor tensor, const Item& item) {
    const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
    require(item.name.paired_heads == 0 || rows % (2 * item.name.paired_heads) == 0, ErrorCode::bad_file,
            item.source + " has " + std::to_string(rows) + " rows, which do not fill its heads");
    return tensor;
  }

  void drop(const Item& item) {
    for (const char* part : {".W_q", ".scale", ".zero"}) store_.drop(item.source + part);
  }

  void write(const std::string& path, const std::string& header) {
    OutputFile file(path, OutputFile::Mode::truncate);
    result_.file_bytes = std::max(static_cast<int64_t>(header.size()), tensors_.empty() ? 0 : tensors_.back().offset + tensors_.back().bytes);
    file.reserve(result_.file_bytes);
    file.write_at(0, std::as_bytes(std::span(header.data(), header.size())));
    for (size_t i = 0; i < items_.size(); ++i) {
      check_cancelled(reporter_);
      report(i);
      const Buffer data = values_of(items_[i], tensors_[i]);
      file.write_at(tensors_[i].offset, std::span(data.data(), static_cast<size_t>(data.bytes())));
      ++result_.types[gguf_type_name(tensors_[i].type)];
    }
    file.sync();
  }

  void report(size_t done) {
    const int64_t begin = tensors_.front().offset;
    Json event;
    event.set("type", "progress")
        .set("tensorsDone", static_cast<int64_t>(done))
        .set("tensorsTotal", static_cast<int64_t>(items_.size()))
        .set("bytesDone", tensors_[done].offset - begin)
        .set("bytesTotal", result_.file_bytes - begin)
        .set("current", items_[done].name.name);
    reporter_.progress(event.dump());
  }

  Buffer values_of(const Item& item, const GgufTensor& tensor) {
    Buffer out(tensor.bytes, MemoryUse::scratch);
    if (item.values) std::memcpy(out.data(), item.values->data(), static_cast<size_t>(tensor.bytes));
    else if (item.quantized) fill_quantized(item, tensor, out);
    else fill_plain(item, tensor, out);
    order_rows(out, tensor.shape.empty() ? 1 : tensor.shape[0], item.name.paired_heads);
    return out;
  }

  void fill_plain(const Item& item, const GgufTensor& tensor, const Buffer& out) {
    const TensorView view = store_.view(item.source);
    const DType wanted = options_.float_type.value_or(view.dtype);
    if (view.shape.size() > 1 && wanted != view.dtype) {
      const Buffer exact(view.numel() * 4, MemoryUse::scratch);
      to_f32(view.data, view.dtype, exact.as<float>(), view.numel());
      cast(item, exact, wanted, out);
    } else if (view.shape.size() > 1) {
      std::memcpy(out.data(), view.data, static_cast<size_t>(tensor.bytes));
    } else {
      to_f32(view.data, view.dtype, out.as<float>(), view.numel());
      if (item.name.plus_one)
        for (float& value : out.span<float>().first(static_cast<size_t>(view.numel()))) value += 1.0F;
    }
    store_.drop(item.source);
  }

  /// Writes values in another type and notes what rounding does to them.
  void cast(const Item& item, const Buffer& exact, DType dtype, const Buffer& out) {
    const int64_t count = exact.bytes() / 4;
    from_f32(exact.as<float>(), dtype, out.data(), count);
    const Buffer rounded(exact.bytes(), MemoryUse::scratch);
    to_f32(out.data(), dtype, rounded.as<float>(), count);
    double difference = 0, largest = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double before = exact.as<float>()[i];
      difference = std::max(difference, std::abs(before - rounded.as<float>()[i]));
      largest = std::max(largest, std::abs(before));
      require(std::isfinite(rounded.as<float>()[i]) || !std::isfinite(before), ErrorCode::bad_weights,
              item.source + " has weights beyond " + std::string(torch_name(dtype)).substr(6));
    }
    const double relative = largest > 0 ? difference / largest : 0;
    if (options_.float_type && relative > result_.cast_rounding) {
      result_.cast_rounding = relative;
      result_.most_cast = item.source;
    }
  }

  void fill_quantized(const Item& item, const GgufTensor& tensor, const Buffer& out) {
    const QuantizedTensor layer = load_hqq_layer(store_, item.source);
    drop(item);
    const GgufBlock& block = *gguf_block(tensor.type);
    if (block.nbits == 0) {
      const int64_t count = numel(tensor.shape);
      const Buffer exact(count * 4, MemoryUse::scratch);
      dequantize(layer, exact.as<float>());
      cast(item, exact, options_.float_type.value_or(DType::f16), out);
      ++result_.dequantized_layers;
      return;
    }
    const GgufRounding rounding = encode_gguf(layer, block, out.data());
    require(std::isfinite(rounding.largest_difference), ErrorCode::bad_weights,
            item.source + " has scales or offsets beyond float16, which is all that " + block.name + " has room for");
    const double relative = rounding.largest_weight > 0 ? rounding.largest_difference / rounding.largest_weight : 0;
    if (relative > result_.rounding) {
      result_.rounding = relative;
      result_.most_rounded = item.source;
    }
  }

  const ExportGgufOptions& options_;
  Reporter& reporter_;
  TensorStore store_;
  std::vector<Item> items_;
  std::vector<GgufTensor> tensors_;
  ExportGgufResult result_;
};

}  // namespace

ExportGgufResult export_gguf(const ExportGgufOptions& options, Reporter& reporter) { return Export(options, reporter).run(); }

}  // namespace hqq
