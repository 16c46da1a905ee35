#include "io/zip_archive.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/error.h"

namespace hqq {
namespace {

// Sizes and signatures of APPNOTE.TXT 4.3 (PKWARE).
constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr uint64_t kMaxComment = 65535;
constexpr uint64_t kMaxMembers = 1'000'000;
constexpr uint64_t kMaxNameBytes = 1024;
constexpr uint16_t kZip64Extra = 1;

class DirectoryReader {
 public:
  DirectoryReader(std::span<const std::byte> file, const std::string& path) : file_(file), path_(path) {}

  std::map<std::string, ZipMember, std::less<>> read() {
    find_directory();
    std::map<std::string, ZipMember, std::less<>> members;
    uint64_t at = directory_;
    for (uint64_t i = 0; i < count_; ++i) read_member(at, members);
    check_overlaps(members);
    return members;
  }

 private:
  [[noreturn]] void fail(const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, path_ + " is not a valid ZIP archive: " + rule);
  }
  [[noreturn]] void fail(const std::string& member, const std::string& rule) const {
    fail("\"" + member.substr(0, 200) + "\" " + rule);
  }

  /// Little-endian number of `bytes` bytes.
  uint64_t number(uint64_t at, int bytes) const {
    if (at > file_.size() || file_.size() - at < static_cast<uint64_t>(bytes)) fail("it ends inside its directory; the file is truncated");
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = (value << 8) | static_cast<uint64_t>(file_[at + static_cast<uint64_t>(i)]);
    return value;
  }

  std::string name_at(uint64_t at, uint64_t bytes) const {
    if (bytes == 0 || bytes > kMaxNameBytes) fail("a member has an empty or too long name");
    if (at > file_.size() || file_.size() - at < bytes) fail("it ends inside a name; the file is truncated");
    return {reinterpret_cast<const char*>(file_.data()) + at, static_cast<size_t>(bytes)};
  }

  /// The end record is the last one with this signature whose comment reaches exactly to the end of the file.
  uint64_t find_end() const {
    if (file_.size() < kEndBytes) fail("it has only " + std::to_string(file_.size()) + " bytes");
    const uint64_t last = file_.size() - kEndBytes;
    const uint64_t first = last > kMaxComment ? last - kMaxComment : 0;
    for (uint64_t at = last + 1; at-- > first;) {
      if (number(at, 4) == kEndSignature && at + kEndBytes + number(at + 20, 2) == file_.size()) return at;
    }
    fail("it has no end record; the file is truncated");
  }

  void find_directory() {
    const uint64_t end = find_end();
    count_ = number(end + 10, 2);
    uint64_t bytes = number(end + 12, 4);
    directory_ = number(end + 16, 4);
    uint64_t limit = end;
    if (end >= kLocator64Bytes && number(end - kLocator64Bytes, 4) == kLocator64Signature) {
      const uint64_t end64 = number(end - kLocator64Bytes + 8, 8);
      if (end64 > end - kLocator64Bytes || end - kLocator64Bytes - end64 < kEnd64Bytes || number(end64, 4) != kEnd64Signature)
        fail("its 64-bit end record is not where it should be");
      count_ = number(end64 + 32, 8);
      bytes = number(end64 + 40, 8);
      directory_ = number(end64 + 48, 8);
      limit = end64;
    }
    if (count_ > kMaxMembers) fail("it has more than " + std::to_string(kMaxMembers) + " members");
    if (directory_ > limit || bytes > limit - directory_) fail("its directory does not lie in the file");
    if (count_ > bytes / kCentralBytes) fail("its directory is too short for " + std::to_string(count_) + " members");
    directory_end_ = directory_ + bytes;
  }

  struct Sizes {
    uint64_t packed, unpacked, local;
  };

  /// Sizes that do not fit 32 bits stand in an extra field, in this order and only those.
  void read_zip64(uint64_t at, uint64_t bytes, Sizes& sizes, const std::string& name) const {
    constexpr uint64_t elsewhere = 0xFFFFFFFF;
    const uint64_t end = at + bytes;
    while (end - at >= 4) {
      const uint64_t field = number(at, 2), length = number(at + 2, 2);
      at += 4;
      if (length > end - at) fail(name, "has an extra field that does not end");
      if (field == kZip64Extra) {
        uint64_t inside = at;
        for (uint64_t* size : {&sizes.unpacked, &sizes.packed, &sizes.local}) {
          if (*size != elsewhere) continue;
          if (at + length - inside < 8) fail(name, "lacks a 64-bit size");
          *size = number(inside, 8);
          inside += 8;
        }
      }
      at += length;
    }
  }

  void read_member(uint64_t& at, std::map<std::string, ZipMember, std::less<>>& members) const {
    if (at > directory_end_ || directory_end_ - at < kCentralBytes || number(at, 4) != kCentralSignature) fail("its directory is damaged");
    const uint64_t flags = number(at + 8, 2), method = number(at + 10, 2);
    Sizes sizes{number(at + 20, 4), number(at + 24, 4), number(at + 42, 4)};
    const uint64_t name_bytes = number(at + 28, 2), extra_bytes = number(at + 30, 2), comment_bytes = number(at + 32, 2);
    const std::string name = name_at(at + kCentralBytes, name_bytes);
    const uint64_t total = kCentralBytes + name_bytes + extra_bytes + comment_bytes;
    if (directory_end_ - at < total) fail(name, "does not lie in the directory");
    read_zip64(at + kCentralBytes + name_bytes, extra_bytes, sizes, name);
    at += total;
    if (name.find('\0') != std::string::npos) fail(name, "has a zero byte in its name");
    if ((flags & 1) != 0) fail(name, "is encrypted");
    if (method != 0 || sizes.packed != sizes.unpacked) fail(name, "is compressed, which files of weights are not");
    if (name.ends_with('/') && sizes.packed == 0) return;
    const ZipMember member{static_cast<int64_t>(data_of(name, sizes)), static_cast<int64_t>(sizes.packed)};
    if (!members.emplace(name, member).second) fail(name, "is there twice");
  }

  /// Start of a member's data: behind its local header, which must agree on the name.
  uint64_t data_of(const std::string& name, const Sizes& sizes) const {
    if (sizes.local > directory_ || directory_ - sizes.local < kLocalBytes || number(sizes.local, 4) != kLocalSignature)
      fail(name, "has no header at its place");
    const uint64_t name_bytes = number(sizes.local + 26, 2), extra_bytes = number(sizes.local + 28, 2);
    if (name_bytes != name.size() || name_at(sizes.local + kLocalBytes, name_bytes) != name) fail(name, "has another name at its place");
    const uint64_t begin = sizes.local + kLocalBytes + name_bytes + extra_bytes;
    if (begin > directory_ || sizes.packed > directory_ - begin) fail(name, "does not lie in the file");
    return begin;
  }

  void check_overlaps(const std::map<std::string, ZipMember, std::less<>>& members) const {
    std::vector<std::pair<ZipMember, const std::string*>> ordered;
    for (const auto& [name, member] : members) ordered.emplace_back(member, &name);
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first.offset < b.first.offset; });
    int64_t end = 0;
    for (const auto& [member, name] : ordered) {
      if (member.offset < end) fail(*name, "overlaps another member");
      end = member.offset + member.bytes;
    }
  }

  std::span<const std::byte> file_;
  const std::string& path_;
  uint64_t directory_ = 0, directory_end_ = 0, count_ = 0;
};

}  // namespace

bool is_zip(std::span<const std::byte> file) {
  return file.size() >= 4 && file[0] == std::byte{'P'} && file[1] == std::byte{'K'} && file[2] == std::byte{3} && file[3] == std::byte{4};
}

std::map<std::string, ZipMember, std::less<>> read_zip_directory(std::span<const std::byte> file, const std::string& path) {
  return DirectoryReader(file, path).read();
}

}  // namespace hqq
