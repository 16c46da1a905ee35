#include "io/qmodel_writer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "io/crc32.h"
#include "io/hqq_layer.h"
#include "io/pickle_writer.h"
#include "io/torch_types.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"

namespace hqq {
namespace {

constexpr const char* kFolder = "qmodel/";
constexpr const char* kHead = "lm_head";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

class Writer {
 public:
  explicit Writer(const TensorStore& store) : store_(store) {}

  std::string write() {
    const std::vector<std::string> layers = hqq_layer_names(store_);
    layers_ = {layers.begin(), layers.end()};
    for (const TensorEntry& entry : store_.entries())
      if (!is_of_layer(entry.name)) plain_[module_of(entry.name)].push_back(&entry);
    pickle_.begin_dict();
    for (const std::string& module : layers) is_token_table(module) ? add_table(module) : add_layer(module);
    for (const auto& [module, entries] : plain_) add_plain(module, entries);
    add_tied_head();
    pickle_.end_dict();
    return pickle_.finish();
  }
  std::vector<QmodelTensor> take_tensors() { return std::move(tensors_); }

 private:
  static std::string module_of(const std::string& name) {
    const size_t dot = name.rfind('.');
    return dot == std::string::npos ? "" : name.substr(0, dot);
  }

  bool is_of_layer(const std::string& name) const {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      if (layers_.contains(name.substr(0, dot))) return true;
    return false;
  }

  PickledTensor storage(TensorSpec spec, bool dequantized = false) {
    const std::optional<std::string_view> type = torch_storage_of(spec.dtype);
    require(type.has_value(), ErrorCode::unsupported, "tensor \"" + spec.name + "\" has dtype " + spec.dtype + ", which PyTorch's storages do not have");
    PickledTensor out{*type, std::to_string(tensors_.size()), spec.shape};
    tensors_.push_back({std::move(spec), dequantized});
    return out;
  }
  PickledTensor stored(const std::string& name) {
    const TensorEntry* entry = store_.find(name);
    require(entry != nullptr, ErrorCode::bad_file, "the model has no tensor \"" + name + "\"");
    return storage({entry->name, entry->dtype, entry->shape, entry->bytes});
  }

  void add_plain(const std::string& module, const std::vector<const TensorEntry*>& entries) {
    if (!module.empty()) {
      pickle_.text(module);
      pickle_.begin_dict();
    }
    for (const TensorEntry* entry : entries) {
      pickle_.text(module.empty() ? entry->name : entry->name.substr(module.size() + 1));
      const PickledTensor tensor = stored(entry->name);
      if (is_token_table(module) && entry->name.ends_with(".weight")) table_ = tensor;
      pickle_.tensor(tensor);
    }
    if (!module.empty()) pickle_.end_dict();
  }

  void add_table(const std::string& module) {
    const HqqLayerInfo info = describe_hqq_layer(store_, module);
    const TensorEntry* scale = store_.find(module + ".scale");
    const std::optional<DType> dtype = scale ? dtype_from_safetensors(scale->dtype) : DType::f16;
    table_ = storage(tensor_spec(module + ".weight", dtype.value_or(DType::f16), info.shape), true);
    pickle_.text(module);
    pickle_.begin_dict();
    pickle_.text("weight");
    pickle_.tensor(*table_);
    pickle_.end_dict();
  }

  void add_tied_head() {
    if (!table_ || plain_.contains(kHead) || layers_.contains(kHead)) return;
    pickle_.text(kHead);
    pickle_.begin_dict();
    pickle_.text("weight");
    pickle_.tensor(*table_);
    pickle_.end_dict();
  }

  void pair(const char* key, int64_t value) { pickle_.text(key), pickle_.integer(value); }
  void pair(const char* key, bool value) { pickle_.text(key), pickle_.boolean(value); }
  void named(const char* key, std::string_view global) { pickle_.text(key), pickle_.global(global); }

  void add_layer(const std::string& module) {
    const HqqLayerInfo info = describe_hqq_layer(store_, module);
    const QuantConfig& config = info.config;
    require(config.nbits != 5 && config.nbits != 6, ErrorCode::bad_input,
            module + " has " + std::to_string(config.nbits) + " bits, packed in a way that hqq does not read; quantize it with 4 or 8");
    try {
      require_interchangeable(info.packing, resolve_grouping(config, info.shape).rows);
    } catch (const EngineError& error) {
      throw EngineError(ErrorCode::bad_input, module + ": " + error.what());
    }
    const auto stored_text = [&](const char* key, std::string_view fallback) {
      const std::string name = module + "." + key;
      return store_.contains(name) ? store_.ascii(name) : std::string(fallback);
    };
    const bool as_float = store_.contains(module + ".view_as_float") && store_.scalar(module + ".view_as_float") != 0;
    pickle_.text(module);
    pickle_.begin_dict();
    pickle_.text("W_q");
    pickle_.parameter(stored(module + ".W_q"));
    if (store_.contains(module + ".bias")) pickle_.text("bias"), pickle_.tensor(stored(module + ".bias"));
    // hqq 0.2.8 reads quantized scales and zeros from a dictionary of their own, as its first versions wrote it, and nowhere else.
    const bool nested = config.quant_scale || config.quant_zero;
    if (nested) {
      pickle_.text("meta");
      pickle_.begin_dict();
    } else {
      pair("offload_meta", false);
      pair("stores_quant_config", true);
    }
    pair("nbits", int64_t{config.nbits});
    // Never none: it also says how many rows the packed view has, which 3 bits need.
    pair("group_size", config.channel_wise && config.group_size != 0 ? config.group_size : info.shape[static_cast<size_t>(config.axis)]);
    pickle_.text("shape");
    pickle_.size(info.shape);
    add_meta(module, "scale", config.quant_scale, info);
    add_meta(module, "zero", config.quant_zero, info);
    pair("axis", int64_t{config.axis});
    pickle_.text("packing"), pickle_.text(to_string(info.packing));
    named("unpack_view_dtype", torch_name(packed_dtype(info.packing)));
    pair("view_as_float", as_float);
    pair("quant_scale", config.quant_scale);
    pair("quant_zero", config.quant_zero);
    const std::optional<DType> compute = dtype_from_torch(stored_text("compute_dtype", "torch.float16"));
    named("compute_dtype", torch_name(compute.value_or(DType::f16)));
    pair("channel_wise", config.channel_wise);
    pair("optimize", config.optimize);
    pair("round_zero", config.round_zero);
    if (nested) pickle_.end_dict();
    pickle_.end_dict();
  }

  /// Scale or zero: one tensor, or bytes with a scale and zero of their own.
  void add_meta(const std::string& module, const std::string& key, bool quantized, const HqqLayerInfo& info) {
    const std::string prefix = module + ".";
    if (!quantized) {
      pickle_.text(key), pickle_.tensor(stored(prefix + key));
      return;
    }
    const PickledTensor bytes = stored(prefix + key + "_q");
    const int64_t count = numel(bytes.shape);
    const TensorEntry* own = store_.find(prefix + "meta_" + key + ".scale");
    require(own != nullptr, ErrorCode::bad_file, "the model has no tensor \"" + prefix + "meta_" + key + ".scale\"");
    const bool grouped = numel(own->shape) > 1;
    pickle_.text(key + "_q"), pickle_.tensor(bytes);
    pickle_.text("meta_" + key);
    pickle_.begin_dict();
    pair("nbits", int64_t{8});
    pickle_.text("group_size");
    if (grouped) pickle_.integer(count / numel(own->shape));
    else pickle_.none();
    pickle_.text("shape"), pickle_.size(meta_shape(resolve_grouping(info.config, info.shape)));
    pickle_.text("scale"), pickle_.tensor(stored(prefix + "meta_" + key + ".scale"));
    pickle_.text("zero"), pickle_.tensor(stored(prefix + "meta_" + key + ".zero"));
    pair("axis", int64_t{0});
    pickle_.text("packing"), pickle_.text("8bit_u8");
    named("unpack_view_dtype", "torch.uint8");
    pair("view_as_float", false);
    pickle_.end_dict();
  }

  const TensorStore& store_;
  std::set<std::string> layers_;
  std::map<std::string, std::vector<const TensorEntry*>> plain_;
  std::optional<PickledTensor> table_;
  std::vector<QmodelTensor> tensors_;
  PickleWriter pickle_;
};

}  // namespace

Qmodel::Qmodel(const TensorStore& store) {
  Writer writer(store);
  std::string pickle = writer.write();
  tensors_ = writer.take_tensors();
  small_ = {{"data.pkl", std::move(pickle)}, {"byteorder", "little"}, {"version", "3\n"}};
  layout_ = ZipLayout(members_of(small_, tensors_));
}

std::vector<PlannedMember> Qmodel::members_of(const std::vector<Small>& small, const std::vector<QmodelTensor>& tensors) {
  std::vector<PlannedMember> members;
  for (const auto& [name, content] : small) members.push_back({kFolder + name, static_cast<int64_t>(content.size())});
  for (size_t i = 0; i < tensors.size(); ++i) members.push_back({kFolder + ("data/" + std::to_string(i)), tensors[i].spec.bytes});
  return members;
}

std::string Qmodel::beginning() const {
  std::string out;
  for (size_t i = 0; i < small_.size(); ++i) out += layout_.header(i, crc32(bytes_of(small_[i].content))) + small_[i].content;
  return out;
}

std::vector<uint32_t> Qmodel::small_checksums() const {
  std::vector<uint32_t> out;
  for (const Small& small : small_) out.push_back(crc32(bytes_of(small.content)));
  return out;
}

bool is_token_table(const std::string& module) { return module.ends_with("embed_tokens") || module.ends_with("wte"); }

}  // namespace hqq
