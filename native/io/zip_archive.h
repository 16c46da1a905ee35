// Where the members of an uncompressed ZIP archive lie: the container of PyTorch files. Compressed, encrypted, overlapping and
// doubly named members are refused, so that a member is always a range of the file that belongs to it alone.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace hqq {

struct ZipMember {
  int64_t offset = 0;  // of its data, absolute
  int64_t bytes = 0;
};

/// Looks at the first four bytes.
bool is_zip(std::span<const std::byte> file);

/// Members by name, folders left out. Reads ZIP and ZIP64 with up to a million members. Throws EngineError{bad_file} naming the file, the
/// member and the rule it breaks.
std::map<std::string, ZipMember, std::less<>> read_zip_directory(std::span<const std::byte> file, const std::string& path);

}  // namespace hqq
