#include "engine/token_ids.h"

#include <charconv>
#include <limits>

#include "io/mapped_file.h"

namespace hqq {
namespace {

/// Keeps the vector below the size at which Electron's allocator gives up (core/arena.h).
constexpr size_t kMaxIds = 15'000'000;

}  // namespace

std::vector<int32_t> read_token_ids(const Json& list, const std::string& where) {
  std::vector<int32_t> ids;
  ids.reserve(list.as_array().size());
  for (const Json& item : list.as_array()) {
    const bool good = item.is_int() && item.as_int() >= 0 && item.as_int() <= std::numeric_limits<int32_t>::max();
    require(good, ErrorCode::bad_input, where + " holds something that is no token id");
    ids.push_back(static_cast<int32_t>(item.as_int()));
  }
  return ids;
}

std::vector<int32_t> read_token_ids_file(const std::string& path, int64_t max_ids) {
  const MappedFile file(path);
  const auto* at = reinterpret_cast<const char*>(file.bytes().data());
  const auto* const end = at + file.bytes().size();
  const auto skip_space = [&] {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  };
  const auto expect = [&](bool good) { require(good, ErrorCode::bad_file, path + ": not a JSON list of token ids"); };
  std::vector<int32_t> ids;
  skip_space();
  expect(at < end && *at++ == '[');
  skip_space();
  if (at < end && *at == ']') return ids;
  while (true) {
    if (max_ids > 0 && static_cast<int64_t>(ids.size()) == max_ids) return ids;
    require(ids.size() < kMaxIds, ErrorCode::bad_file,
            path + ": more than " + std::to_string(kMaxIds) + " tokens; limit the number of tokens");
    skip_space();
    int32_t id = -1;
    const auto parsed = std::from_chars(at, end, id);
    expect(parsed.ec == std::errc() && id >= 0);
    ids.push_back(id);
    at = parsed.ptr;
    skip_space();
    expect(at < end && (*at == ',' || *at == ']'));
    if (*at++ == ']') return ids;
  }
}

}  // namespace hqq
