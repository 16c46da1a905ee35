#include "io/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "io/file_error.h"

namespace hqq {
namespace {

/// A file larger than the process may write (EFBIG) is a full target as far as the user is concerned.
[[noreturn]] void throw_write_error(const std::string& action, const std::string& path) {
  throw_file_error(action, path, errno == EFBIG ? ENOSPC : errno, true);
}

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_file_error("cannot open folder", folder, errno, true);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some network file systems do not sync folders; the data itself is already safe.
  if (result != 0 && error != EINVAL && error != ENOTSUP) throw_file_error("cannot sync folder", folder, error, true);
}

}  // namespace

OutputFile::OutputFile(const std::string& path, Mode mode) : path_(path) {
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | (mode == Mode::truncate ? O_TRUNC : 0);
  fd_ = ::open(path.c_str(), flags, 0644);
  if (fd_ < 0) throw_write_error("cannot write", path);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

int64_t OutputFile::size() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) throw_file_error("cannot examine", path_, errno);
  return info.st_size;
}

void OutputFile::append(std::string_view text) { write_at(size(), std::as_bytes(std::span(text.data(), text.size()))); }

void OutputFile::write_at(int64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(fd_, data.data(), std::min(data.size(), size_t{1} << 30), offset);
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_write_error("cannot write", path_);
    }
    offset += written;
    data = data.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::read_at(int64_t offset, std::span<std::byte> data) const {
  while (!data.empty()) {
    const ssize_t got = ::pread(fd_, data.data(), std::min(data.size(), size_t{1} << 30), offset);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_file_error("cannot read", path_, errno);
    }
    require(got > 0, ErrorCode::bad_file, path_ + ": ends before byte " + std::to_string(offset));
    offset += got;
    data = data.subspan(static_cast<size_t>(got));
  }
}

void OutputFile::resize(int64_t bytes) {
  if (::ftruncate(fd_, bytes) != 0) throw_write_error("cannot resize", path_);
}

void OutputFile::reserve(int64_t bytes) {
#ifdef __linux__
  if (bytes > 0 && ::fallocate(fd_, 0, 0, bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    throw_write_error("cannot reserve " + std::to_string(bytes) + " bytes for", path_);
  }
#endif
  resize(bytes);
}

void OutputFile::sync() {
  if (::fsync(fd_) != 0) throw_write_error("cannot sync", path_);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_write_error("cannot rename to", to);
  sync_folder(std::filesystem::path(to).parent_path().string());
}

int64_t free_bytes(const std::string& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) throw_file_error("cannot examine", folder, errno);
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

}  // namespace hqq
