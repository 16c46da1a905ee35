// The engine's error codes are the native half of the list that every boundary shares.
#include "core/error.h"

#include <set>

#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

/// The quoted words between "NATIVE_ERROR_CODES = [" and the bracket that closes it.
std::set<std::string> codes_of_contract() {
  const std::string text = test::read_file(HQQ_REPO "/electron/contract/errors.ts");
  const std::string opening = "NATIVE_ERROR_CODES = [";
  const size_t begin = text.find(opening);
  CHECK(begin != std::string::npos, "electron/contract/errors.ts has no list of native codes");
  const size_t end = text.find(']', begin + opening.size());
  std::set<std::string> codes;
  for (size_t at = begin; (at = text.find('\'', at)) < end;) {
    const size_t close = text.find('\'', at + 1);
    codes.insert(text.substr(at + 1, close - at - 1));
    at = close + 1;
  }
  return codes;
}

TEST("error codes: the enum and the contract list the same") {
  std::set<std::string> native;
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i)
    native.insert(std::string(to_string(static_cast<ErrorCode>(i))));
  CHECK_EQ(native.size(), static_cast<size_t>(ErrorCode::internal) + 1);
  CHECK(native == codes_of_contract());
}

TEST("error codes: require throws only when it must") {
  require(true, ErrorCode::io, "never");
  CHECK_THROWS_CODE(require(false, ErrorCode::io, "always"), io);
}

}  // namespace
}  // namespace hqq
