// SHA-256 against the published vectors, in one piece and in every split of a message.
#include "io/sha256.h"

#include "tests/support/check.h"

namespace hqq {
namespace {

std::string digest(std::string_view text) {
  Sha256 hash, portable(false);
  hash.update(text);
  portable.update(text);
  const std::string hex = hash.hex();
  CHECK_EQ(portable.hex(), hex);
  return hex;
}

TEST("sha256: published vectors") {
  CHECK_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK_EQ(digest(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST("sha256: pieces give what the whole gives") {
  std::string text;
  for (int i = 0; i < 200; ++i) text.push_back(static_cast<char>(i * 7));
  const std::string whole = digest(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 hash;
    hash.update(std::string_view(text).substr(0, cut));
    hash.update(std::string_view(text).substr(cut));
    CHECK_EQ(hash.hex(), whole);
  }
}

}  // namespace
}  // namespace hqq
