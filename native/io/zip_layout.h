// Where the members of an uncompressed ZIP archive go that is about to be written, known before a byte of them is. Data begins at
// multiples of 64 bytes, as torch.save puts it, so that it can be mapped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hqq {

struct PlannedMember {
  std::string name;
  int64_t bytes = 0;
};

/// Which form of sizes: 32-bit ones where they suffice, or 64-bit ones (ZIP64).
enum class ZipSizes : uint8_t { as_needed, wide };

class ZipLayout {
 public:
  explicit ZipLayout(std::vector<PlannedMember> members, ZipSizes sizes = ZipSizes::as_needed);

  size_t count() const { return places_.size(); }
  int64_t header_offset(size_t member) const { return places_[member].header; }
  int64_t header_bytes(size_t member) const { return places_[member].data - places_[member].header; }
  int64_t data_offset(size_t member) const { return places_[member].data; }
  int64_t directory_offset() const { return directory_offset_; }
  int64_t directory_bytes() const { return total_ - directory_offset_; }
  int64_t total() const { return total_; }

  /// What stands before a member's data, header_bytes() long.
  std::string header(size_t member, uint32_t crc) const;
  /// What ends the archive, directory_bytes() long. `crcs`: of all members, in order.
  std::string directory(const std::vector<uint32_t>& crcs) const;

 private:
  struct Place {
    int64_t header = 0, data = 0;
  };
  std::string ending() const;

  std::vector<PlannedMember> members_;
  std::vector<Place> places_;
  bool wide_ = false;
  int64_t directory_offset_ = 0, listed_bytes_ = 0, total_ = 0;
};

}  // namespace hqq
