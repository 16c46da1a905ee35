#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "io/adopted_layers.h"
#include "io/gguf_model.h"
#include "io/torch_file.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;

/// Bits of one element of every type the format knows; the engine computes with the few of core/dtype.h.
std::optional<int64_t> bits_of(std::string_view dtype) {
  static const std::map<std::string_view, int64_t> bits = {
      {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},    {"F8_E5M2", 8},
      {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16}, {"BF16", 16}, {"I32", 32},
      {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},    {"I64", 64}, {"U64", 64}};
  const auto found = bits.find(dtype);
  if (found == bits.end()) return std::nullopt;
  return found->second;
}

/// Checks of one header; every failure names the file, then the tensor, then the rule.
class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> file, const std::string& path, const SafetensorsLimits& limits)
      : file_(file), path_(path), limits_(limits) {}

  std::vector<TensorEntry> read(std::map<std::string, std::string>* metadata) {
    const int64_t header_bytes = read_header_length();
    data_begin_ = 8 + header_bytes;
    const Json header = parse({reinterpret_cast<const char*>(file_.data()) + 8, static_cast<size_t>(header_bytes)});
    if (!header.is_object()) fail("the header is not a JSON object");
    std::vector<TensorEntry> entries;
    for (const auto& [name, value] : header.as_object()) {
      if (name == "__metadata__") read_metadata(value, metadata);
      else entries.push_back(read_tensor(name, value));
    }
    if (static_cast<int64_t>(entries.size()) > limits_.max_tensors) {
      fail("it holds more than " + std::to_string(limits_.max_tensors) + " tensors");
    }
    check_layout(entries);
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, path_ + " is not a valid safetensors file: " + rule);
  }
  [[noreturn]] void fail(const std::string& tensor, const std::string& rule) const {
    fail("tensor \"" + tensor.substr(0, 200) + "\" " + rule);
  }

  int64_t read_header_length() const {
    if (file_.size() < 8) fail("it has only " + std::to_string(file_.size()) + " bytes");
    uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = (length << 8) | static_cast<uint64_t>(file_[static_cast<size_t>(i)]);
    if (length > static_cast<uint64_t>(limits_.max_header_bytes)) {
      fail("the header claims " + std::to_string(length) + " bytes, more than the limit of " +
           std::to_string(limits_.max_header_bytes));
    }
    if (length > file_.size() - 8) {
      fail("the header claims " + std::to_string(length) + " bytes but only " + std::to_string(file_.size() - 8) +
           " follow; the file is truncated");
    }
    if (length == 0 || file_[8] != std::byte{'{'}) fail("the header does not start with '{'");
    return static_cast<int64_t>(length);
  }

  Json parse(std::string_view text) const {
    try {
      return parse_json(text);
    } catch (const EngineError& error) {
      fail(std::string("bad header: ") + error.what());
    }
  }

  void read_metadata(const Json& value, std::map<std::string, std::string>* metadata) const {
    if (!value.is_object()) fail("__metadata__ is not an object");
    for (const auto& [key, text] : value.as_object()) {
      if (!text.is_string()) fail("__metadata__ holds something that is not a string");
      if (metadata) metadata->emplace(key, text.as_string());
    }
  }

  TensorEntry read_tensor(const std::string& name, const Json& value) const {
    if (name.empty() || static_cast<int64_t>(name.size()) > limits_.max_name_bytes)
      fail(name, "has an empty or too long name");
    if (name.find('\0') != std::string::npos) fail(name, "has a zero byte in its name");
    if (!value.is_object()) fail(name, "is not described by an object");
    const Json* dtype = value.find("dtype");
    const Json* shape = value.find("shape");
    const Json* offsets = value.find("data_offsets");
    if (!dtype || !dtype->is_string()) fail(name, "has no dtype");
    if (!shape || !shape->is_array()) fail(name, "has no shape");
    if (!offsets || !offsets->is_array() || offsets->as_array().size() != 2) fail(name, "has no data_offsets");
    TensorEntry entry;
    entry.name = name;
    entry.dtype = dtype->as_string();
    entry.shape = read_shape(name, shape->as_array());
    const int64_t begin = read_count(name, offsets->as_array()[0], "offset");
    const int64_t end = read_count(name, offsets->as_array()[1], "offset");
    const int64_t available = static_cast<int64_t>(file_.size()) - data_begin_;
    if (begin > end) fail(name, "ends before it begins");
    if (end > available)
      fail(name,
           "ends at byte " + std::to_string(end) + " of " + std::to_string(available) + "; the file is truncated");
    entry.offset = data_begin_ + begin;
    entry.bytes = end - begin;
    const int64_t expected = expected_bytes(entry);
    if (entry.bytes != expected) {
      fail(name, "takes " + std::to_string(entry.bytes) + " bytes, but " + entry.dtype.substr(0, 20) +
                     to_string(entry.shape) + " needs " + std::to_string(expected));
    }
    return entry;
  }

  int64_t read_count(const std::string& name, const Json& value, const char* what) const {
    if (!value.is_int() || value.as_int() < 0)
      fail(name, std::string("has an ") + what + " that is not a whole number >= 0");
    return value.as_int();
  }

  Shape read_shape(const std::string& name, const Json::Array& dims) const {
    if (static_cast<int64_t>(dims.size()) > limits_.max_rank)
      fail(name, "has more than " + std::to_string(limits_.max_rank) + " dimensions");
    Shape shape;
    for (const Json& dim : dims) shape.push_back(read_count(name, dim, "extent"));
    return shape;
  }

  int64_t expected_bytes(const TensorEntry& entry) const {
    const std::optional<int64_t> bits = bits_of(entry.dtype);
    if (!bits) fail(entry.name, "has the unknown dtype \"" + entry.dtype.substr(0, 20) + "\"");
    int64_t total = *bits;
    bool overflow = false;
    for (const int64_t dim : entry.shape) overflow = __builtin_mul_overflow(total, dim, &total) || overflow;
    if (std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end()) return 0;
    if (overflow) fail(entry.name, "has a shape whose size overflows");
    if (total % 8 != 0) fail(entry.name, "does not fill whole bytes");
    return total / 8;
  }

  /// The tensors must cover the data exactly: no overlap, no hole, nothing after the last.
  void check_layout(const std::vector<TensorEntry>& entries) const {
    std::vector<const TensorEntry*> ordered;
    for (const TensorEntry& entry : entries) ordered.push_back(&entry);
    std::sort(ordered.begin(), ordered.end(), [](const TensorEntry* a, const TensorEntry* b) {
      return a->offset != b->offset ? a->offset < b->offset : a->bytes < b->bytes;
    });
    int64_t at = data_begin_;
    for (const TensorEntry* entry : ordered) {
      if (entry->offset < at) fail(entry->name, "overlaps another tensor");
      if (entry->offset > at) fail(entry->name, "is preceded by bytes that belong to no tensor");
      at += entry->bytes;
    }
    if (at != static_cast<int64_t>(file_.size())) {
      fail(std::to_string(static_cast<int64_t>(file_.size()) - at) + " bytes at its end belong to no tensor");
    }
  }

  std::span<const std::byte> file_;
  const std::string& path_;
  const SafetensorsLimits& limits_;
  int64_t data_begin_ = 0;
};

/// Shards of NAME.safetensors.index.json are .safetensors files, those of NAME.bin.index.json are .bin files.
std::string shard_extension(const std::string& index_path) {
  return index_path.ends_with(".bin.index.json") ? ".bin" : ".safetensors";
}

/// A shard name may only name a file beside the index.
void check_shard_name(const std::string& shard, const std::string& index_path) {
  const std::string extension = shard_extension(index_path);
  const bool safe = !shard.empty() && shard.size() <= 255 &&
                    shard.find_first_of(std::string_view("/\\:\0", 4)) == std::string::npos && shard.front() != '.' &&
                    fs::path(shard).extension() == extension;
  require(safe, ErrorCode::bad_file,
          index_path + ": \"" + shard.substr(0, 200) + "\" is not the name of a " + extension + " file beside it");
}

/// Tensor name -> shard file name of an index file.
std::map<std::string, std::string> read_index(const std::string& path, const SafetensorsLimits& limits) {
  const Json index = read_json_file(path);
  const Json* weight_map = index.is_object() ? index.find("weight_map") : nullptr;
  require(weight_map && weight_map->is_object(), ErrorCode::bad_file, path + ": no weight_map");
  std::map<std::string, std::string> shard_of;
  for (const auto& [name, shard] : weight_map->as_object()) {
    require(shard.is_string(), ErrorCode::bad_file, path + ": weight_map holds something that is not a file name");
    check_shard_name(shard.as_string(), path);
    shard_of.emplace(name, shard.as_string());
  }
  require(static_cast<int64_t>(shard_of.size()) <= limits.max_tensors, ErrorCode::bad_file,
          path + ": too many tensors");
  return shard_of;
}

/// The file in a model folder that says where its tensors are.
fs::path find_weights(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json", "model.gguf", "qmodel.pt", "pytorch_model.bin",
                           "pytorch_model.bin.index.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw EngineError(ErrorCode::not_found, folder.string() + ": no model.safetensors, model.safetensors.index.json, model.gguf, qmodel.pt, " +
                                              "pytorch_model.bin or pytorch_model.bin.index.json");
}

}  // namespace

std::vector<TensorEntry> parse_safetensors_header(std::span<const std::byte> file, const std::string& path,
                                                  std::map<std::string, std::string>* metadata,
                                                  const SafetensorsLimits& limits) {
  return HeaderReader(file, path, limits).read(metadata);
}

TensorStore TensorStore::open(const std::string& path, const SafetensorsLimits& limits) {
  std::error_code ignored;
  require(fs::exists(path, ignored), ErrorCode::not_found, path + ": no such file or folder");
  const fs::path weights = fs::is_directory(path, ignored) ? find_weights(path) : fs::path(path);
  TensorStore store;
  if (is_gguf(weights.string())) {
    store.add_derived(weights.string());
  } else if (weights.extension() != ".json") {
    store.add_file(weights.string(), limits, nullptr);
  } else {
    const auto shard_of = read_index(weights.string(), limits);
    std::set<std::string> shards;
    for (const auto& [name, shard] : shard_of) shards.insert(shard);
    require(static_cast<int64_t>(shards.size()) <= limits.max_files, ErrorCode::bad_file,
            weights.string() + ": too many files");
    for (const std::string& shard : shards) store.add_file((weights.parent_path() / shard).string(), limits, &shard_of);
    if (store.entries_.size() != shard_of.size()) {
      std::set<std::string> present;
      for (const TensorEntry& entry : store.entries_) present.insert(entry.name);
      for (const auto& [name, shard] : shard_of) {
        require(present.contains(name), ErrorCode::bad_file,
                weights.string() + ": tensor \"" + name.substr(0, 200) + "\" is not in " + shard);
      }
    }
  }
  store.sort_entries();
  adopt_foreign_layers(store, weights.parent_path().string());
  return store;
}

void TensorStore::add_file(const std::string& path, const SafetensorsLimits& limits,
                           const std::map<std::string, std::string>* shard_of) {
  auto file = std::make_shared<MappedFile>(path);
  const std::string shard = fs::path(path).filename().string();
  // A tensor that the index places elsewhere, or nowhere, is not part of the model.
  const auto is_wanted = [&](const std::string& name) {
    if (!shard_of) return true;
    const auto placed = shard_of->find(name);
    return placed != shard_of->end() && placed->second == shard;
  };
  const auto index = static_cast<int64_t>(files_.size());
  if (is_torch_file(path)) {
    for (TorchTensor& tensor : torch_tensors(file, limits)) {
      if (is_wanted(tensor.spec.name)) add_torch_tensor(std::move(tensor), index);
    }
  } else {
    for (TensorEntry& entry : parse_safetensors_header(file->bytes(), path, &metadata_, limits)) {
      if (!is_wanted(entry.name)) continue;
      entry.file_index = index;
      entries_.push_back(std::move(entry));
    }
  }
  files_.push_back(std::move(file));
}

void TensorStore::add_torch_tensor(TorchTensor tensor, int64_t file_index) {
  auto& [name, dtype, shape, bytes] = tensor.spec;
  TensorEntry entry{std::move(name), std::move(dtype), std::move(shape), file_index, tensor.offset, bytes};
  if (tensor.make) {
    entry.derived = static_cast<int64_t>(derived_.size());
    derived_.push_back(std::make_shared<Made>());
    derived_.back()->make = std::move(tensor.make);
  }
  entries_.push_back(std::move(entry));
}

const TensorEntry* TensorStore::find(const std::string& name) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const TensorEntry& entry, const std::string& wanted) { return entry.name < wanted; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

void TensorStore::add_derived(const std::string& path) {
  auto file = std::make_shared<MappedFile>(path);
  add_made(gguf_tensors(file));
  files_.push_back(std::move(file));
}

void TensorStore::add_made(std::vector<DerivedTensor> tensors) {
  for (DerivedTensor& tensor : tensors) {
    auto& [name, dtype, shape, bytes] = tensor.spec;
    entries_.push_back({std::move(name), std::move(dtype), std::move(shape), 0, 0, bytes, static_cast<int64_t>(derived_.size())});
    derived_.push_back(std::make_shared<Made>());
    derived_.back()->make = std::move(tensor.make);
  }
}

void TensorStore::replace(const std::set<std::string>& removed, std::vector<DerivedTensor> added) {
  std::erase_if(entries_, [&](const TensorEntry& entry) { return removed.contains(entry.name); });
  add_made(std::move(added));
  sort_entries();
}

void TensorStore::sort_entries() {
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

const TensorEntry& TensorStore::entry_of(const std::string& name) const {
  const TensorEntry* entry = find(name);
  require(entry != nullptr, ErrorCode::not_found, named(name) + " is missing: the model has no tensor of this name");
  return *entry;
}

std::string TensorStore::named(const std::string& name) const {
  const TensorEntry* entry = find(name);
  const std::string file = files_.empty() ? "the model" : files_[static_cast<size_t>(entry ? entry->file_index : 0)]->path();
  return file + ": tensor \"" + name.substr(0, 200) + "\"";
}

std::shared_ptr<const Buffer> TensorStore::made(const TensorEntry& entry) const {
  Made& derived = *derived_[static_cast<size_t>(entry.derived)];
  const std::lock_guard lock(derived.mutex);
  if (!derived.buffer) derived.buffer = std::make_shared<const Buffer>(derived.make());
  return derived.buffer;
}

std::span<const std::byte> TensorStore::bytes(const TensorEntry& entry) const {
  if (entry.derived >= 0) return {made(entry)->data(), static_cast<size_t>(entry.bytes)};
  return files_[static_cast<size_t>(entry.file_index)]->bytes().subspan(static_cast<size_t>(entry.offset),
                                                                        static_cast<size_t>(entry.bytes));
}

std::shared_ptr<const void> TensorStore::keep(const TensorEntry& entry) const {
  if (entry.derived >= 0) return made(entry);
  return files_[static_cast<size_t>(entry.file_index)];
}

TensorView TensorStore::outline(const std::string& name) const {
  const TensorEntry& entry = entry_of(name);
  const std::optional<DType> dtype = dtype_from_safetensors(entry.dtype);
  require(dtype.has_value(), ErrorCode::unsupported,
          named(name) + " has dtype " + entry.dtype + ", which this engine does not read");
  return {nullptr, *dtype, entry.shape};
}

TensorView TensorStore::view(const std::string& name) const {
  TensorView view = outline(name);
  view.data = bytes(entry_of(name)).data();
  return view;
}

int64_t TensorStore::scalar(const std::string& name) const {
  const TensorEntry* entry = &entry_of(name);
  const auto data = bytes(*entry);
  const auto load = [&]<typename T>(T value) {
    require(data.size() == sizeof(T), ErrorCode::bad_file, named(name) + " is not a single number");
    std::memcpy(&value, data.data(), sizeof(T));
    return static_cast<int64_t>(value);
  };
  if (entry->dtype == "I64") return load(int64_t{});
  if (entry->dtype == "I32") return load(int32_t{});
  if (entry->dtype == "U8" || entry->dtype == "BOOL") return load(uint8_t{});
  throw EngineError(ErrorCode::bad_file, named(name) + " is " + entry->dtype + ", expected an integer");
}

std::string TensorStore::ascii(const std::string& name) const {
  constexpr size_t max_text = 256;
  const TensorEntry* entry = &entry_of(name);
  const auto data = bytes(*entry);
  require(entry->dtype == "U8" && data.size() <= max_text, ErrorCode::bad_file,
          named(name) + " is not a short text");
  std::string text;
  for (const std::byte byte : data) {
    const auto c = static_cast<unsigned char>(byte);
    require(c >= 0x20 && c < 0x7F, ErrorCode::bad_file, named(name) + " is not ASCII text");
    text.push_back(static_cast<char>(c));
  }
  return text;
}

void TensorStore::drop(const std::string& name) const {
  const TensorEntry* entry = find(name);
  if (entry == nullptr) return;
  if (entry->derived >= 0) {
    Made& derived = *derived_[static_cast<size_t>(entry->derived)];
    const std::lock_guard lock(derived.mutex);
    derived.buffer.reset();
    return;
  }
  files_[static_cast<size_t>(entry->file_index)]->drop(static_cast<size_t>(entry->offset), static_cast<size_t>(entry->bytes));
}

}  // namespace hqq
