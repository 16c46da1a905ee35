// Read-only memory mapping of a whole file, with one owner. A file that another program truncates while it is mapped
// faults on access: that ends the engine process, which the supervisor restarts, and nothing else.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace hqq {

class MappedFile {
 public:
  /// Throws EngineError{not_found} when absent, {bad_file} for a folder or device, {io} otherwise. An empty file maps
  /// to an empty span.
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  /// Tells the system that this range will not be needed soon, so that quantizing a large model keeps resident memory
  /// low.
  void drop(size_t offset, size_t length) const;

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace hqq
