// Reading side of io/hqq_layer.h.
#include "io/hqq_layer.h"

#include <algorithm>
#include <cstring>

#include "quant/bitpack.h"

namespace hqq {
namespace {

/// Larger than any real extent, small enough that products of two fit 63 bits.
constexpr int64_t kMaxExtent = int64_t{1} << 31;

class LayerReader {
 public:
  /// Without `copy` the buffers stay empty.
  LayerReader(const TensorStore& store, const std::string& module, bool copy)
      : store_(store), prefix_(module + "."), copy_(copy) {}

  QuantizedTensor read() {
    require(is_hqq_layer(store_, prefix_.substr(0, prefix_.size() - 1)), ErrorCode::not_found,
            "the model has no HQQ layer \"" + prefix_.substr(0, prefix_.size() - 1) + "\"");
    QuantizedTensor tensor;
    tensor.shape = read_shape();
    tensor.config = read_config(tensor.shape);
    tensor.packing = read_packing(tensor.config.nbits);
    set_grouped_view(tensor);
    read_packed(tensor);
    const int64_t groups = tensor.config.axis == 1 ? tensor.rows : tensor.cols;
    tensor.scale = read_meta("scale", tensor.config.quant_scale, tensor.config, groups);
    tensor.zero = read_meta("zero", tensor.config.quant_zero, tensor.config, groups);
    return tensor;
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, store_.named(prefix_ + key) + " " + rule);
  }

  int64_t scalar(const char* key, int64_t low, int64_t high) const {
    const int64_t value = store_.scalar(prefix_ + key);
    if (value < low || value > high) fail(key, "is " + std::to_string(value) + ", which no layer has");
    return value;
  }
  bool flag(const char* key, bool fallback) const {
    return store_.contains(prefix_ + key) ? scalar(key, 0, 1) != 0 : fallback;
  }

  Shape read_shape() const {
    const TensorView view = store_.view(prefix_ + "shape");
    if (view.dtype != DType::i64 || view.numel() != 2) fail("shape", "is not a pair of 64-bit integers");
    Shape shape(2);
    std::memcpy(shape.data(), view.data, 2 * sizeof(int64_t));
    for (const int64_t extent : shape) {
      if (extent < 1 || extent >= kMaxExtent)
        fail("shape", "holds " + std::to_string(extent) + ", which is no extent of a matrix");
    }
    return shape;
  }

  QuantConfig read_config(const Shape& shape) const {
    QuantConfig config;
    const TensorEntry* nbits = store_.find(prefix_ + "nbits");
    require(!nbits || nbits->dtype != "F32", ErrorCode::unsupported,
            "layer " + prefix_ + " has a fractional bit width (1.58), which this engine does not run");
    config.nbits = static_cast<int>(scalar("nbits", 1, 8));
    if (config.nbits == 7) fail("nbits", "is 7, which HQQ does not have");
    config.axis = static_cast<int>(scalar("axis", 0, 1));
    config.channel_wise = flag("channel_wise", true);
    config.group_size = scalar("group_size", 1, shape[0] * shape[1]);
    if (shape[0] * shape[1] % config.group_size != 0)
      fail("group_size", "does not divide the " + std::to_string(shape[0] * shape[1]) + " weights");
    config.round_zero = flag("round_zero", false);
    config.optimize = flag("optimize", true);
    config.quant_zero = flag("quant_zero", false);
    config.quant_scale = flag("quant_scale", false);
    require(!flag("offload_meta", false), ErrorCode::unsupported,
            "layer " + prefix_ + " has offloaded metadata (offload_meta), which this engine does not run");
    return config;
  }

  Packing read_packing(int nbits) const {
    const std::string name = store_.ascii(prefix_ + "packing");
    for (const PackFormat format : {PackFormat::interchange, PackFormat::dense}) {
      const Packing packing = packing_for(nbits, format);
      if (to_string(packing) == name) return packing;
    }
    fail("packing", "is \"" + name + "\", which does not hold " + std::to_string(nbits) + " bits");
  }

  static void set_grouped_view(QuantizedTensor& tensor) {
    const int64_t weights = tensor.shape[0] * tensor.shape[1];
    const int64_t group = tensor.config.group_size;
    tensor.rows = tensor.config.axis == 1 ? weights / group : group;
    tensor.cols = weights / tensor.rows;
  }

  /// The bytes of W_q, whatever type they are viewed as.
  void read_packed(QuantizedTensor& tensor) const {
    const TensorView view = view_of("W_q");
    tensor.packed_shape = packed_shape(tensor.packing, tensor.rows, tensor.cols);
    const int64_t expected = packed_bytes(tensor.packing, tensor.rows, tensor.cols);
    const bool as_float = flag("view_as_float", false);
    const bool float_type = view.dtype == DType::f32 || view.dtype == DType::f16 || view.dtype == DType::bf16;
    if (as_float ? !float_type : view.dtype != packed_dtype(tensor.packing))
      fail("W_q", "has a type that does not fit its packing");
    if (view.bytes() != expected || (!as_float && view.shape != tensor.packed_shape)) {
      fail("W_q", "is " + to_string(view.shape) + " of " + std::to_string(view.bytes()) + " bytes, but " +
                      std::string(to_string(tensor.packing)) + to_string(tensor.packed_shape) + " needs " +
                      std::to_string(expected));
    }
    if (as_float && store_.contains(prefix_ + "unpack_view_dtype")) {
      const auto dtype = dtype_from_torch(store_.ascii(prefix_ + "unpack_view_dtype"));
      if (dtype != packed_dtype(tensor.packing)) fail("unpack_view_dtype", "does not fit the packing");
    }
    tensor.packed = copied(view, MemoryUse::weights);
  }

  Buffer copied(const TensorView& view, MemoryUse use) const {
    if (!copy_) return {};
    Buffer buffer(view.bytes(), use);
    if (view.bytes() > 0) std::memcpy(buffer.data(), view.data, static_cast<size_t>(view.bytes()));
    return buffer;
  }

  TensorView view_of(const std::string& key) const {
    return copy_ ? store_.view(prefix_ + key) : store_.outline(prefix_ + key);
  }

  TensorView floats(const std::string& key) const {
    const TensorView view = view_of(key);
    if (view.dtype != DType::f32 && view.dtype != DType::f16 && view.dtype != DType::bf16)
      fail(key, "is not a floating-point tensor");
    return view;
  }

  MetaTensor read_meta(const std::string& key, bool quantized, const QuantConfig& config, int64_t groups) const {
    const int64_t count = config.channel_wise ? groups : 1;
    MetaTensor meta;
    if (!config.channel_wise) meta.shape = {};
    else meta.shape = config.axis == 1 ? Shape{groups, 1} : Shape{1, groups};
    meta.quantized = quantized;
    if (quantized) {
      read_quantized_meta(key, count, meta);
      return meta;
    }
    const TensorView view = floats(key);
    if (view.numel() != count)
      fail(key, "has " + std::to_string(view.numel()) + " values for " + std::to_string(count) + " groups");
    meta.dtype = view.dtype;
    meta.values = copied(view, MemoryUse::metadata);
    return meta;
  }

  void read_quantized_meta(const std::string& key, int64_t count, MetaTensor& meta) const {
    const TensorView q = view_of(key + "_q");
    if (q.dtype != DType::u8 || q.numel() != count)
      fail(key + "_q", "does not hold " + std::to_string(count) + " bytes");
    const TensorView scale = floats("meta_" + key + ".scale"), zero = floats("meta_" + key + ".zero");
    const int64_t columns = scale.numel();
    if (columns < 1 || count % columns != 0 || zero.numel() != columns)
      fail("meta_" + key + ".scale", "does not fit its values");
    // One scale for all, or one per column of [count / columns, columns].
    if (columns > 1 && q.shape != Shape{count / columns, columns})
      fail(key + "_q", "has a shape that does not fit its scale");
    meta.q_shape = q.shape;
    meta.q_meta_shape = columns == 1 ? Shape{} : Shape{1, columns};
    if (!copy_) return;
    meta.q = copied(q, MemoryUse::metadata);
    meta.q_scale = Buffer(columns * 4, MemoryUse::metadata);
    meta.q_zero = Buffer(columns * 4, MemoryUse::metadata);
    to_f32(scale.data, scale.dtype, meta.q_scale.as<float>(), columns);
    to_f32(zero.data, zero.dtype, meta.q_zero.as<float>(), columns);
  }

  const TensorStore& store_;
  std::string prefix_;
  bool copy_;
};

}  // namespace

bool is_hqq_layer(const TensorStore& store, const std::string& module) {
  return store.contains(module + ".W_q") && store.contains(module + ".shape") && store.contains(module + ".nbits");
}

std::vector<std::string> hqq_layer_names(const TensorStore& store) {
  constexpr std::string_view suffix = ".W_q";
  std::vector<std::string> names;
  for (const TensorEntry& entry : store.entries()) {
    if (!entry.name.ends_with(suffix)) continue;
    const std::string module = entry.name.substr(0, entry.name.size() - suffix.size());
    if (is_hqq_layer(store, module)) names.push_back(module);
  }
  std::sort(names.begin(), names.end());
  return names;
}

QuantizedTensor load_hqq_layer(const TensorStore& store, const std::string& module) {
  return LayerReader(store, module, true).read();
}

HqqLayerInfo describe_hqq_layer(const TensorStore& store, const std::string& module) {
  const QuantizedTensor layer = LayerReader(store, module, false).read();
  HqqLayerInfo info{layer.config, layer.shape, layer.packing, 0, 0};
  // Entries are sorted by name: those of a module stand together.
  const auto& entries = store.entries();
  const std::string prefix = module + ".";
  auto entry = std::lower_bound(entries.begin(), entries.end(), prefix,
                                [](const TensorEntry& e, const std::string& wanted) { return e.name < wanted; });
  for (; entry != entries.end() && entry->name.starts_with(prefix); ++entry) {
    if (entry->name == prefix + "W_q") info.packed_bytes = entry->bytes;
    else if (entry->name != prefix + "bias") info.metadata_bytes += entry->bytes;
  }
  return info;
}

}  // namespace hqq
