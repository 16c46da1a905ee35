#include "io/zip_layout.h"

namespace hqq {
namespace {

// Sizes and signatures of APPNOTE.TXT 4.3 (PKWARE).
constexpr int64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr int64_t kLocalWideBytes = 20, kCentralWideBytes = 28;  // extra field 1 with two and three sizes
constexpr int64_t kAlignment = 64, kExtraHead = 4;
constexpr uint64_t kElsewhere32 = 0xFFFFFFFF, kElsewhere16 = 0xFFFF;
constexpr uint64_t kUtf8Names = 0x0800;
/// 1980-01-01, the first date the format knows: what is written depends on the model alone.
constexpr uint64_t kDate = 0x0021;
/// Extra field that PyTorch aligns with.
constexpr uint64_t kPadding = 0x4246;

std::string little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string little(int64_t value, int bytes) { return little(static_cast<uint64_t>(value), bytes); }

}  // namespace

ZipLayout::ZipLayout(std::vector<PlannedMember> members, ZipSizes sizes) : members_(std::move(members)) {
  int64_t most = 0;
  for (const PlannedMember& member : members_)
    most += member.bytes + kLocalBytes + kCentralBytes + kAlignment + kExtraHead + 2 * static_cast<int64_t>(member.name.size());
  wide_ = sizes == ZipSizes::wide || most >= static_cast<int64_t>(kElsewhere32) || members_.size() >= kElsewhere16;
  int64_t at = 0;
  for (const PlannedMember& member : members_) {
    const int64_t plain = at + kLocalBytes + static_cast<int64_t>(member.name.size()) + (wide_ ? kLocalWideBytes : 0) + kExtraHead;
    const int64_t data = (plain + kAlignment - 1) / kAlignment * kAlignment;
    places_.push_back({at, data});
    at = data + member.bytes;
    listed_bytes_ += kCentralBytes + static_cast<int64_t>(member.name.size()) + (wide_ ? kCentralWideBytes : 0);
  }
  directory_offset_ = at;
  total_ = at + listed_bytes_ + (wide_ ? kEnd64Bytes + kLocator64Bytes : 0) + kEndBytes;
}

std::string ZipLayout::header(size_t index, uint32_t crc) const {
  const auto& [name, bytes] = members_[index];
  const std::string wide = wide_ ? little(uint64_t{1}, 2) + little(uint64_t{16}, 2) + little(bytes, 8) + little(bytes, 8) : "";
  const auto size = wide_ ? kElsewhere32 : static_cast<uint64_t>(bytes);
  const int64_t extra = header_bytes(index) - kLocalBytes - static_cast<int64_t>(name.size());
  const int64_t padding = extra - static_cast<int64_t>(wide.size()) - kExtraHead;
  return little(uint64_t{0x04034b50}, 4) + little(uint64_t{wide_ ? 45U : 20U}, 2) + little(kUtf8Names, 2) + little(uint64_t{0}, 4) +
         little(kDate, 2) + little(uint64_t{crc}, 4) + little(size, 4) + little(size, 4) +
         little(static_cast<uint64_t>(name.size()), 2) + little(extra, 2) + name + wide + little(kPadding, 2) + little(padding, 2) +
         std::string(static_cast<size_t>(padding), 'Z');
}

std::string ZipLayout::directory(const std::vector<uint32_t>& crcs) const {
  std::string out;
  for (size_t i = 0; i < members_.size(); ++i) {
    const auto& [name, bytes] = members_[i];
    const int64_t place = header_offset(i);
    const std::string wide =
        wide_ ? little(uint64_t{1}, 2) + little(uint64_t{24}, 2) + little(bytes, 8) + little(bytes, 8) + little(place, 8) : "";
    const auto size = wide_ ? kElsewhere32 : static_cast<uint64_t>(bytes);
    const uint64_t version = wide_ ? 45 : 20;
    out += little(uint64_t{0x02014b50}, 4) + little(version, 2) + little(version, 2) + little(kUtf8Names, 2) + little(uint64_t{0}, 4) +
           little(kDate, 2) + little(uint64_t{crcs[i]}, 4) + little(size, 4) + little(size, 4) +
           little(static_cast<uint64_t>(name.size()), 2) + little(static_cast<uint64_t>(wide.size()), 2) + little(uint64_t{0}, 6) +
           little(uint64_t{0}, 4) + little(wide_ ? kElsewhere32 : static_cast<uint64_t>(place), 4) + name + wide;
  }
  return out + ending();
}

std::string ZipLayout::ending() const {
  const auto count = static_cast<uint64_t>(members_.size());
  std::string out;
  if (wide_) {
    out += little(uint64_t{0x06064b50}, 4) + little(kEnd64Bytes - 12, 8) + little(uint64_t{45}, 2) + little(uint64_t{45}, 2) +
           little(uint64_t{0}, 8) + little(count, 8) + little(count, 8) + little(listed_bytes_, 8) + little(directory_offset_, 8);
    out += little(uint64_t{0x07064b50}, 4) + little(uint64_t{0}, 4) + little(directory_offset_ + listed_bytes_, 8) + little(uint64_t{1}, 4);
  }
  const uint64_t listed = wide_ ? kElsewhere16 : count;
  const uint64_t bytes = wide_ ? kElsewhere32 : static_cast<uint64_t>(listed_bytes_);
  const uint64_t place = wide_ ? kElsewhere32 : static_cast<uint64_t>(directory_offset_);
  return out + little(uint64_t{0x06054b50}, 4) + little(uint64_t{0}, 4) + little(listed, 2) + little(listed, 2) + little(bytes, 4) +
         little(place, 4) + little(uint64_t{0}, 2);
}

}  // namespace hqq
