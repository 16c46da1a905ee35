#include "io/torch_file.h"

#include <array>
#include <cstring>
#include <set>

#include "io/torch_archive.h"

namespace hqq {
namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

/// What torch.save wrote before version 1.6: protocol 2 and the magic number 0x1950a86a20f9469cfc6c.
constexpr std::array<uint8_t, 14> kOldMagic = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool is_old(std::span<const std::byte> file) {
  return file.size() >= kOldMagic.size() && std::memcmp(file.data(), kOldMagic.data(), kOldMagic.size()) == 0;
}

class TorchReader {
 public:
  TorchReader(const std::shared_ptr<const MappedFile>& file, const SafetensorsLimits& limits)
      : archive_(file, limits), pickle_(archive_.pickle()), limits_(limits) {}

  std::vector<TorchTensor> read() {
    const Value& root = pickle_[pickle_.root()];
    if (root.kind != Kind::dict) fail("data.pkl", "is no dictionary of tensors");
    each(root, "data.pkl", [&](const std::string& name, const Value& value) {
      if (value.kind == Kind::tensor) add(name, value);
      else if (value.kind == Kind::dict) module(name, value);
    });
    if (out_.empty()) fail("data.pkl", "holds no tensors");
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, archive_.path() + ": \"" + name.substr(0, 200) + "\" " + rule);
  }

  template <typename Body>
  void each(const Value& dict, const std::string& where, Body body) {
    const auto pairs = pickle_.items(dict);
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
      if (pickle_[pairs[i]].kind != Kind::text) fail(where, "has a key that is no name");
      body(std::string(pickle_[pairs[i]].text), pickle_[pairs[i + 1]]);
    }
  }

  void push(TorchTensor tensor) {
    if (static_cast<int64_t>(out_.size()) >= limits_.max_tensors) fail(tensor.spec.name, "is one of more than " + std::to_string(limits_.max_tensors) + " tensors");
    if (!names_.insert(tensor.spec.name).second) fail(tensor.spec.name, "is there twice");
    out_.push_back(std::move(tensor));
  }
  void add(const std::string& name, const Value& value) { push(archive_.tensor(value, name)); }

  /// A tensor whose value is given here.
  template <typename T>
  void add_made(const std::string& name, const char* dtype, Shape shape, const std::vector<T>& values) {
    TorchTensor out;
    out.spec = {name, dtype, std::move(shape), static_cast<int64_t>(values.size() * sizeof(T))};
    out.make = [values] {
      Buffer made(static_cast<int64_t>(values.size() * sizeof(T)), MemoryUse::metadata);
      if (!values.empty()) std::memcpy(made.data(), values.data(), values.size() * sizeof(T));
      return made;
    };
    push(std::move(out));
  }

  void module(const std::string& name, const Value& dict) {
    if (pickle_.find(dict, "W_q")) return layer(name, dict);
    each(dict, name, [&](const std::string& key, const Value& value) {
      if (value.kind == Kind::tensor) add(name + "." + key, value);
    });
  }

  const Value& need(const std::string& where, const Value& dict, const char* key, Kind kind, const char* what) const {
    const Value* value = pickle_.find(dict, key);
    if (value == nullptr) fail(where + "." + key, "is missing");
    if (value->kind != kind) fail(where + "." + key, std::string("is no ") + what);
    return *value;
  }
  int64_t integer(const std::string& where, const Value& dict, const char* key, int64_t low, int64_t high) const {
    const int64_t value = need(where, dict, key, Kind::integer, "whole number").integer;
    if (value < low || value > high) fail(where + "." + key, "is " + std::to_string(value) + ", which no layer has");
    return value;
  }
  bool flag(const std::string& where, const Value& dict, const char* key, bool fallback) const {
    const Value* value = pickle_.find(dict, key);
    if (value == nullptr || value->kind == Kind::none) return fallback;
    if (value->kind != Kind::boolean) fail(where + "." + key, "is neither True nor False");
    return value->integer != 0;
  }

  /// A quantized layer. The first versions of hqq keep its description in a dictionary "meta" of its own.
  void layer(const std::string& name, const Value& dict) {
    const Value* nested = pickle_.find(dict, "meta");
    if (nested != nullptr && nested->kind != Kind::dict) fail(name + ".meta", "is no dictionary");
    const Value& meta = nested ? *nested : dict;
    add(name + ".W_q", need(name, dict, "W_q", Kind::tensor, "tensor"));
    if (const Value* bias = pickle_.find(dict, "bias"); bias != nullptr && bias->kind == Kind::tensor) add(name + ".bias", *bias);
    const Shape shape = read_shape(name, meta);
    const Value* pair = pickle_.find(meta, "zero_scale");
    const bool quantized_pair = pair != nullptr && add_pair(name, meta, *pair);
    const bool quantized_scale = pair ? quantized_pair : add_meta(name, meta, "scale");
    const bool quantized_zero = pair ? quantized_pair : add_meta(name, meta, "zero");
    describe(name, meta, shape, quantized_scale, quantized_zero);
  }

  Shape read_shape(const std::string& name, const Value& meta) const {
    constexpr int64_t most = int64_t{1} << 31;
    Shape shape;
    for (const Pickle::Ref ref : pickle_.items(need(name, meta, "shape", Kind::tuple, "shape"))) {
      const Value& extent = pickle_[ref];
      if (extent.kind != Kind::integer || extent.integer < 1 || extent.integer >= most) fail(name + ".shape", "holds something that is no extent of a matrix");
      shape.push_back(extent.integer);
    }
    if (shape.size() != 2) fail(name + ".shape", "is not that of a matrix");
    return shape;
  }

  /// Scale or zero: a tensor, or bytes with a scale and zero of their own. Returns whether it is quantized.
  bool add_meta(const std::string& name, const Value& meta, const std::string& key) {
    if (const Value* plain = pickle_.find(meta, key); plain != nullptr && plain->kind == Kind::tensor) {
      add(name + "." + key, *plain);
      return false;
    }
    const std::string q = key + "_q";
    if (pickle_.find(meta, q) == nullptr) fail(name + "." + key, "is missing");
    add(name + "." + q, need(name, meta, q.c_str(), Kind::tensor, "tensor"));
    add_own_meta(name, meta, key);
    return true;
  }

  /// The scale and zero of a quantized scale or zero: 8 bits, one group for all or one for each column.
  void add_own_meta(const std::string& name, const Value& meta, const std::string& key) {
    const std::string own_key = "meta_" + key, where = name + "." + own_key;
    const Value& own = need(name, meta, own_key.c_str(), Kind::dict, "dictionary");
    const int64_t nbits = integer(where, own, "nbits", 1, 8);
    const Value& packing = need(where, own, "packing", Kind::text, "text");
    require(nbits == 8 && packing.text == "8bit_u8" && integer(where, own, "axis", 0, 1) == 0, ErrorCode::unsupported,
            archive_.path() + ": \"" + where + "\" has " + std::to_string(nbits) + " bits or axis 1; read are scales and zeros of 8 bits at axis 0");
    add(where + ".scale", need(where, own, "scale", Kind::tensor, "tensor"));
    add(where + ".zero", need(where, own, "zero", Kind::tensor, "tensor"));
  }

  /// Zero and scale stacked, as hqq keeps them to move them together (offload_meta). Returns whether they are quantized.
  bool add_pair(const std::string& name, const Value& meta, const Value& value) {
    if (value.kind != Kind::tensor) fail(name + ".zero_scale", "is no tensor");
    const TorchTensor pair = archive_.tensor(value, name + ".zero_scale");
    if (pair.make || pair.spec.shape.empty() || pair.spec.shape[0] != 2) fail(name + ".zero_scale", "is not a zero and a scale, one behind the other");
    const bool quantized = pair.spec.dtype == "U8";
    const std::array<std::string, 2> keys = {"zero", "scale"};
    for (size_t i = 0; i < keys.size(); ++i) {
      TorchTensor half = pair;
      half.spec.name = name + "." + keys[i] + (quantized ? "_q" : "");
      half.spec.shape.erase(half.spec.shape.begin());
      half.spec.bytes /= 2;
      half.offset += static_cast<int64_t>(i) * half.spec.bytes;
      push(std::move(half));
      if (quantized) add_own_meta(name, meta, keys[i]);
    }
    return quantized;
  }

  /// The small keys, spelled as safetensors spells them. What the first versions did not write has the value they worked with.
  void describe(const std::string& name, const Value& meta, const Shape& shape, bool quantized_scale, bool quantized_zero) {
    const Value* nbits = pickle_.find(meta, "nbits");
    require(nbits == nullptr || nbits->kind != Kind::real, ErrorCode::unsupported,
            archive_.path() + ": layer \"" + name.substr(0, 200) + "\" has a fractional bit width (1.58), which this engine does not run");
    const int64_t axis = integer(name, meta, "axis", 0, 1);
    const Value* group = pickle_.find(meta, "group_size");
    const bool whole = group == nullptr || group->kind == Kind::none;
    const auto i32 = [&](const char* key, int64_t value) { add_made<int32_t>(name + "." + key, "I32", {}, {static_cast<int32_t>(value)}); };
    const auto u8 = [&](const char* key, bool value) { add_made<uint8_t>(name + "." + key, "U8", {}, {static_cast<uint8_t>(value)}); };
    const auto text = [&](const char* key, std::string_view value) {
      add_made<char>(name + "." + key, "U8", {static_cast<int64_t>(value.size())}, {value.begin(), value.end()});
    };
    add_made<int64_t>(name + ".shape", "I64", {2}, shape);
    i32("nbits", integer(name, meta, "nbits", 1, 8));
    i32("group_size", whole ? shape[static_cast<size_t>(axis)] : integer(name, meta, "group_size", 1, INT32_MAX));
    i32("axis", axis);
    u8("view_as_float", flag(name, meta, "view_as_float", false));
    u8("quant_scale", quantized_scale);
    u8("quant_zero", quantized_zero);
    u8("offload_meta", false);
    u8("encoded_state_dict", true);
    u8("stores_quant_config", true);
    u8("channel_wise", flag(name, meta, "channel_wise", true));
    u8("optimize", flag(name, meta, "optimize", true));
    u8("round_zero", flag(name, meta, "round_zero", false));
    const std::string_view packing = need(name, meta, "packing", Kind::text, "text").text;
    text("packing", packing.substr(0, 100));
    text("compute_dtype", need(name, meta, "compute_dtype", Kind::global, "dtype").text);
    const Value* view = pickle_.find(meta, "unpack_view_dtype");
    text("unpack_view_dtype", view && view->kind == Kind::global ? view->text : packing == "3bit_32" ? "torch.int32" : "torch.uint8");
  }

  TorchArchive archive_;
  const Pickle& pickle_;
  SafetensorsLimits limits_;
  std::vector<TorchTensor> out_;
  std::set<std::string> names_;
};

}  // namespace

bool is_torch_file(const std::string& path) {
  if (path.ends_with(".safetensors") || path.ends_with(".json")) return false;
  if (path.ends_with(".bin") || path.ends_with(".pt")) return true;
  const MappedFile file(path);
  return is_zip(file.bytes()) || is_old(file.bytes());
}

std::vector<TorchTensor> torch_tensors(const std::shared_ptr<const MappedFile>& file, const SafetensorsLimits& limits) {
  require(!is_old(file->bytes()), ErrorCode::unsupported,
          file->path() + ": is in PyTorch's format from before version 1.6; write it anew with torch.save(torch.load(...), ...), or take the model's safetensors");
  return TorchReader(file, limits).read();
}

}  // namespace hqq
