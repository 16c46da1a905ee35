// A file being written: owns its descriptor, turns every failure into an error a person can act on, and knows how to
// become durable (data, then name, then folder entry).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hqq {

class OutputFile {
 public:
  enum class Mode { truncate, keep };  // keep: open or create without touching what is there
  /// Throws EngineError{not_writable|disk_full|not_found|io}.
  OutputFile(const std::string& path, Mode mode);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  const std::string& path() const { return path_; }
  int64_t size() const;
  /// Appends at the end of the file.
  void append(std::string_view text);
  /// Writes at a byte offset. Throws {disk_full} when the file system or the process's file size limit is reached.
  void write_at(int64_t offset, std::span<const std::byte> data);
  void read_at(int64_t offset, std::span<std::byte> data) const;
  void resize(int64_t bytes);
  /// Reserves room and sets the size, so that a full disk shows before the work and not after it; where the file system
  /// cannot reserve, only the size is set.
  void reserve(int64_t bytes);
  /// Returns when the content is on the disk.
  void sync();

 private:
  std::string path_;
  int fd_ = -1;
};

/// Renames within one folder and makes the new name durable.
void rename_durably(const std::string& from, const std::string& to);
/// Bytes that this user can still write on the file system of an existing folder.
int64_t free_bytes(const std::string& folder);

}  // namespace hqq
