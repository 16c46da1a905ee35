// Safetensors reading (single file or sharded index) and writing. The parser trusts nothing: header size, dtypes,
// shapes, offsets, overlaps and bounds are all checked against named caps before a byte of data is touched.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/tensor.h"
#include "io/json.h"
#include "io/mapped_file.h"

namespace hqq {

struct SafetensorsLimits {
  int64_t max_header_bytes = int64_t{100'000'000};  // the format's own limit
  int64_t max_tensors = 400'000;                    // of one file, and of a model over all its files
  int64_t max_rank = 8;
  int64_t max_name_bytes = 1024;
  int64_t max_files = 10'000;
};

struct TensorEntry {
  std::string name;
  std::string dtype;  // as spelled in the file; TensorStore::view needs one of core/dtype.h
  Shape shape;
  int64_t file_index = 0;  // into TensorStore::files()
  int64_t offset = 0;      // absolute byte offset in that file
  int64_t bytes = 0;
  int64_t derived = -1;    // not in the file as it is, but made from it when it is asked for
};

/// Name, type (as the format spells it; kept tensors may have types the engine does not compute with), shape and size
/// of a tensor that is about to be written, or made.
struct TensorSpec {
  std::string name;
  std::string dtype;
  Shape shape;
  int64_t bytes = 0;
};
TensorSpec tensor_spec(std::string name, DType dtype, Shape shape);

/// A tensor that follows from what a file holds in another form.
struct DerivedTensor {
  TensorSpec spec;
  std::function<Buffer()> make;
};

/// Parses the header of one file. Throws EngineError{bad_file} naming the file and the rule it breaks.
std::vector<TensorEntry> parse_safetensors_header(std::span<const std::byte> file, const std::string& path,
                                                  std::map<std::string, std::string>* metadata = nullptr,
                                                  const SafetensorsLimits& limits = {});

struct TorchTensor;  // io/torch_file.h

/// All tensors of a model folder or of one file, memory-mapped.
class TensorStore {
 public:
  /// `path`: a .safetensors or .gguf file, a file of torch.save, an index of shards, or a folder holding one of them (as
  /// model.safetensors, model.gguf, qmodel.pt or pytorch_model.bin). Shard names are validated (no separators, no "..").
  /// Layers that other programs have quantized appear as HQQ layers or plain weights (io/adopted_layers.h). Throws
  /// EngineError{not_found|bad_file|unsupported}.
  static TensorStore open(const std::string& path, const SafetensorsLimits& limits = {});

  const std::vector<TensorEntry>& entries() const { return entries_; }  // sorted by name
  const TensorEntry* find(const std::string& name) const;
  bool contains(const std::string& name) const { return find(name) != nullptr; }
  /// View into the mapping; `data` may be unaligned when the file's header is. Throws {not_found} for an unknown name,
  /// {unsupported} for a dtype the engine does not read.
  TensorView view(const std::string& name) const;
  /// The same without its data, which is then not made: type and shape only.
  TensorView outline(const std::string& name) const;
  /// A tensor's bytes, made now if they are not in the file as they are, and what keeps them alive beyond the store.
  std::span<const std::byte> bytes(const TensorEntry& entry) const;
  std::shared_ptr<const void> keep(const TensorEntry& entry) const;
  /// Small metadata tensors of HQQ layers: a 0-d or 1-element integer/bool; the ASCII bytes of a u8 vector of at most
  /// 256. Throw {not_found}, or {bad_file} for another type, shape or content.
  int64_t scalar(const std::string& name) const;
  std::string ascii(const std::string& name) const;
  /// `FILE: tensor "NAME"`, as errors begin; of a tensor that is not there with the first file.
  std::string named(const std::string& name) const;
  /// Lets go of the memory of a tensor that has been consumed.
  void drop(const std::string& name) const;
  const std::vector<std::shared_ptr<MappedFile>>& files() const { return files_; }
  /// Takes tensors out and puts others in their place. Those may be made from a copy of this store as it was.
  void replace(const std::set<std::string>& removed, std::vector<DerivedTensor> added);
  /// What a person should know of how this model is read: layers that are dequantized, and why.
  const std::vector<std::string>& notices() const { return notices_; }
  void add_notice(std::string notice) { notices_.push_back(std::move(notice)); }
  /// `__metadata__` of all files, the first file winning.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void add_file(const std::string& path, const SafetensorsLimits& limits,
                const std::map<std::string, std::string>* shard_of);
  void add_derived(const std::string& path);
  void add_made(std::vector<DerivedTensor> tensors);
  void add_torch_tensor(TorchTensor tensor, int64_t file_index);
  void sort_entries();
  const TensorEntry& entry_of(const std::string& name) const;

  /// What was made of a derived tensor; made by one thread, seen by all.
  struct Made {
    std::function<Buffer()> make;
    std::mutex mutex;
    std::shared_ptr<const Buffer> buffer;
  };
  std::shared_ptr<const Buffer> made(const TensorEntry& entry) const;

  std::vector<std::shared_ptr<MappedFile>> files_;
  std::vector<std::shared_ptr<Made>> derived_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> notices_;
};

/// The header of a file that holds `tensors` back to back in that order: length, JSON, padding to a multiple of 8.
std::string safetensors_header(const std::vector<TensorSpec>& tensors,
                               const std::map<std::string, std::string>& metadata);
/// The order in which files are written: wide types first, so that each tensor is aligned to its element, then by name.
bool written_before(const TensorSpec& a, const TensorSpec& b);

struct TensorToWrite {
  std::string name;
  TensorView view;
};
/// Writes one file (tensors sorted by written_before) to a temporary name beside `path`, fsyncs and renames. Throws
/// {disk_full|not_writable|io}.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace hqq
