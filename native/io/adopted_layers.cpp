#include "io/adopted_layers.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>

#include "io/awq_layer.h"
#include "io/bitsandbytes_layer.h"
#include "io/compressed_layer.h"
#include "io/gptq_layer.h"
#include "io/hqq_layer.h"
#include "quant/bitpack.h"

namespace hqq {
namespace {

using Store = std::shared_ptr<const TensorStore>;

struct AffineFormat {
  const char* name;
  const char* suffix;  // of the tensor that every layer of the format has
  bool (*is_layer)(const TensorStore&, const std::string& module);
  AffineInfo (*describe)(const TensorStore&, const std::string& module, const Json& config);
  AffineLayer (*load)(const TensorStore&, const std::string& module, const Json& config);
  std::vector<const char*> keys;
};

const std::vector<AffineFormat>& affine_formats() {
  static const std::vector<AffineFormat> formats = {
      {"GPTQ", ".qweight", is_gptq_layer, describe_gptq_layer, load_gptq_layer, {"qweight", "qzeros", "scales", "g_idx"}},
      {"AWQ", ".qweight", is_awq_layer, describe_awq_layer, load_awq_layer, {"qweight", "qzeros", "scales"}},
      {"compressed-tensors", ".weight_scale", is_compressed_layer, describe_compressed_layer, load_compressed_layer,
       {"weight", "weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"}},
  };
  return formats;
}

/// quantization_config of config.json, or the whole of an older program's own file; null without any.
Json read_quantization_config(const std::string& folder) {
  const auto path = [&](const char* name) { return folder.empty() ? std::string(name) : folder + "/" + name; };
  std::error_code ignored;
  if (std::filesystem::exists(path("config.json"), ignored)) {
    const Json config = read_json_file(path("config.json"));
    if (config.is_object())
      for (const char* key : {"quantization_config", "compression_config"})
        if (const Json* found = config.find(key)) return *found;
  }
  for (const char* name : {"quantize_config.json", "quant_config.json"})
    if (std::filesystem::exists(path(name), ignored)) return read_json_file(path(name));
  return {};
}

/// Runs what reads a layer. Its errors name a tensor or a field of the configuration; which file that is of is said here.
template <typename Body>
auto with_place(const TensorStore& store, const std::string& module, Body body) {
  try {
    return body();
  } catch (const EngineError& error) {
    std::string text = error.what();
    if (text.find("tensor \"") == std::string::npos && text.find("config.json") == std::string::npos)
      text = "config.json: quantization_config, read for layer \"" + module.substr(0, 200) + "\": " + text;
    const std::string& file = store.files().front()->path();
    if (text.find(file) == std::string::npos && text.find("tensor \"") == 0) text = file + ": " + text;
    // A value of another type than its field has.
    throw EngineError(error.code() == ErrorCode::bad_input ? ErrorCode::bad_file : error.code(), text);
  }
}

/// What the tensors of one adopted layer are made from: unpacked once, whichever is asked for first.
class AdoptedLayer {
 public:
  AdoptedLayer(Store store, const AffineFormat& format, std::string module, std::shared_ptr<const Json> config)
      : store_(std::move(store)), format_(format), module_(std::move(module)), config_(std::move(config)) {}

  Buffer packed() {
    const std::lock_guard lock(mutex_);
    QuantizedTensor tensor = load();
    scale_ = std::move(tensor.scale.values);
    zero_ = std::move(tensor.zero.values);
    return std::move(tensor.packed);
  }
  Buffer scale() { return taken(scale_); }
  Buffer zero() { return taken(zero_); }
  Buffer dense() {
    return with_place(*store_, module_, [&] { return to_dense(format_.load(*store_, module_, *config_)); });
  }

 private:
  QuantizedTensor load() const {
    return with_place(*store_, module_, [&] { return to_quantized(format_.load(*store_, module_, *config_)); });
  }

  Buffer taken(Buffer& part) {
    const std::lock_guard lock(mutex_);
    if (part.bytes() == 0) {
      QuantizedTensor tensor = load();
      scale_ = std::move(tensor.scale.values);
      zero_ = std::move(tensor.zero.values);
    }
    return std::move(part);
  }

  Store store_;
  const AffineFormat& format_;
  std::string module_;
  std::shared_ptr<const Json> config_;
  std::mutex mutex_;
  Buffer scale_, zero_;
};

class Adoption {
 public:
  Adoption(TensorStore& store, const std::string& folder)
      : store_(store), raw_(std::make_shared<const TensorStore>(store)), folder_(folder) {}

  void run() {
    for (const AffineFormat& format : affine_formats())
      for (const std::string& module : modules_of(format.suffix))
        if (!is_taken(module) && format.is_layer(*raw_, module)) adopt(format, module);
    for (const char* suffix : {".weight.absmax", ".SCB"})
      for (const std::string& module : modules_of(suffix))
        if (!is_taken(module) && is_bitsandbytes_layer(*raw_, module)) adopt_bitsandbytes(module);
    if (removed_.empty()) return;
    store_.replace(removed_, std::move(added_));
    add_notices();
  }

 private:
  std::vector<std::string> modules_of(std::string_view suffix) const {
    std::vector<std::string> names;
    for (const TensorEntry& entry : raw_->entries())
      if (entry.name.size() > suffix.size() && entry.name.ends_with(suffix))
        names.push_back(entry.name.substr(0, entry.name.size() - suffix.size()));
    return names;
  }

  bool is_taken(const std::string& module) const { return modules_.contains(module); }

  /// Read with the first layer that needs it: plain models may have no such file.
  const std::shared_ptr<const Json>& config() {
    if (!config_) config_ = std::make_shared<const Json>(read_quantization_config(folder_));
    return config_;
  }

  void add(TensorSpec spec, std::function<Buffer()> make) {
    require(!raw_->contains(spec.name) || removed_.contains(spec.name), ErrorCode::bad_file,
            raw_->named(spec.name) + " has a name of another form of the layer");
    added_.push_back({std::move(spec), std::move(make)});
  }

  void remove(const std::string& module, const std::string& key) {
    if (raw_->contains(module + "." + key)) removed_.insert(module + "." + key);
  }

  void adopt(const AffineFormat& format, const std::string& module) {
    const AffineInfo info = with_place(*raw_, module, [&] { return format.describe(*raw_, module, *config()); });
    modules_.insert(module);
    for (const char* key : format.keys) remove(module, key);
    require(!raw_->contains(module + ".weight") || removed_.contains(module + ".weight"), ErrorCode::bad_file,
            raw_->named(module + ".weight") + " is stored beside a quantized form of itself");
    const auto layer = std::make_shared<AdoptedLayer>(raw_, format, module, config());
    if (!info.regular()) {
      add(tensor_spec(module + ".weight", info.dtype, info.shape), [layer] { return layer->dense(); });
      ++dequantized_[std::string(format.name) + " layers whose inputs were sorted by importance (desc_act, g_idx)"];
      return;
    }
    const QuantConfig config = info.config();
    for (TensorSpec& spec : hqq_layer_specs(module, info.shape, config, info.dtype)) {
      if (spec.name == module + ".W_q") add(std::move(spec), [layer] { return layer->packed(); });
      else if (spec.name == module + ".scale") add(std::move(spec), [layer] { return layer->scale(); });
      else if (spec.name == module + ".zero") add(std::move(spec), [layer] { return layer->zero(); });
    }
    for (ConstantTensor& constant : hqq_layer_constants(module, info.shape, config, info.dtype)) {
      const auto value = std::make_shared<const std::vector<std::byte>>(std::move(constant.value));
      add(std::move(constant.spec), [value] {
        Buffer buffer(static_cast<int64_t>(value->size()), MemoryUse::metadata);
        std::copy(value->begin(), value->end(), buffer.data());
        return buffer;
      });
    }
  }

  void adopt_bitsandbytes(const std::string& module) {
    const BitsAndBytesInfo info = with_place(*raw_, module, [&] { return describe_bitsandbytes_layer(*raw_, module); });
    modules_.insert(module);
    for (const char* key : {"weight", "weight.absmax", "weight.quant_map", "weight.nested_absmax", "weight.nested_quant_map",
                            "weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4", "SCB", "weight_format"})
      remove(module, key);
    add(tensor_spec(module + ".weight", info.dtype, info.shape),
        [raw = raw_, module] { return with_place(*raw, module, [&] { return dequantize_bitsandbytes_layer(*raw, module); }); });
    ++dequantized_["bitsandbytes " + info.kind + " layers"];
  }

  void add_notices() {
    for (const auto& [what, count] : dequantized_)
      store_.add_notice(std::to_string(count) + " " + what +
                        " have no form that runs quantized here: they are dequantized when they are loaded, and can be quantized again.");
  }

  TensorStore& store_;
  Store raw_;
  std::string folder_;
  std::shared_ptr<const Json> config_;
  std::set<std::string> modules_, removed_;
  std::vector<DerivedTensor> added_;
  std::map<std::string, int64_t> dequantized_;
};

}  // namespace

void adopt_foreign_layers(TensorStore& store, const std::string& folder) {
  const auto& entries = store.entries();
  // Most models have none: no copy of the list of tensors for them.
  const bool any = std::any_of(entries.begin(), entries.end(), [](const TensorEntry& entry) {
    return entry.name.ends_with(".qweight") || entry.name.ends_with(".weight_scale") || entry.name.ends_with(".weight.absmax") ||
           entry.name.ends_with(".SCB");
  });
  if (any) Adoption(store, folder).run();
}

}  // namespace hqq
