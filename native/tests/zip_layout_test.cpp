// Archives as they are written: found again by the reader, in both forms of sizes, with the checksums of the format.
#include "io/zip_layout.h"

#include "io/crc32.h"
#include "io/zip_archive.h"
#include "tests/support/check.h"

namespace hqq {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string archive_of(const std::vector<std::pair<std::string, std::string>>& contents, ZipSizes sizes) {
  std::vector<PlannedMember> members;
  for (const auto& [name, content] : contents) members.push_back({name, static_cast<int64_t>(content.size())});
  const ZipLayout layout(members, sizes);
  std::string file;
  std::vector<uint32_t> crcs;
  for (size_t i = 0; i < contents.size(); ++i) {
    crcs.push_back(crc32(bytes_of(contents[i].second)));
    CHECK_EQ(static_cast<int64_t>(file.size()), layout.header_offset(i));
    file += layout.header(i, crcs.back());
    CHECK_EQ(static_cast<int64_t>(file.size()), layout.data_offset(i));
    CHECK_EQ(layout.data_offset(i) % 64, 0);
    file += contents[i].second;
  }
  CHECK_EQ(static_cast<int64_t>(file.size()), layout.directory_offset());
  file += layout.directory(crcs);
  CHECK_EQ(static_cast<int64_t>(file.size()), layout.total());
  return file;
}

TEST("crc32: the check value of the format, in pieces as in one") {
  const std::string text = "123456789";
  CHECK_EQ(crc32(bytes_of(text)), 0xCBF43926U);
  CHECK_EQ(crc32(bytes_of("6789"), crc32(bytes_of("12345"))), 0xCBF43926U);
  const std::string longer(1000, 'x');
  CHECK_EQ(crc32(bytes_of(longer)), crc32(bytes_of(longer.substr(3)), crc32(bytes_of(longer.substr(0, 3)))));
}

TEST("zip: what is laid out is found again, with 32-bit and with 64-bit sizes") {
  const std::vector<std::pair<std::string, std::string>> contents = {
      {"m/data.pkl", std::string(333, 'p')}, {"m/empty", ""}, {"m/data/0", std::string(64, 'a')}, {"m/data/\xC3\xA9", std::string(1, 'b')}};
  for (const ZipSizes sizes : {ZipSizes::as_needed, ZipSizes::wide}) {
    const std::string file = archive_of(contents, sizes);
    const auto members = read_zip_directory(bytes_of(file), "test.zip");
    CHECK_EQ(members.size(), contents.size());
    for (const auto& [name, content] : contents) {
      const ZipMember& member = members.find(name)->second;
      CHECK(file.substr(static_cast<size_t>(member.offset), static_cast<size_t>(member.bytes)) == content, name);
    }
  }
}

TEST("zip: sizes beyond 32 bits take the wide form") {
  const int64_t large = int64_t{5} << 30;
  const ZipLayout layout({{"m/data/0", large}, {"m/data/1", 8}});
  CHECK(layout.data_offset(1) > large && layout.data_offset(1) % 64 == 0);
  CHECK_EQ(layout.directory_bytes(), 2 * (46 + 28 + 8) + 56 + 20 + 22);
  CHECK_EQ(static_cast<int64_t>(layout.directory({0, 0}).size()), layout.directory_bytes());
}

}  // namespace
}  // namespace hqq
