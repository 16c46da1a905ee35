// Packing against the reference's bytes (tests/data/quant and the shared golden data), and round trips of every packing.
#include "quant/bitpack.h"

#include <cstring>
#include <random>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"
#include "tests/support/check.h"

using namespace hqq;

namespace {

constexpr Packing kAll[] = {Packing::u8_8bit, Packing::u8_4bit,    Packing::u8_2bit,   Packing::u8_1bit,
                            Packing::i32_3bit, Packing::dense_5bit, Packing::dense_6bit};

int bits_of(Packing p) {
  switch (p) {
    case Packing::u8_8bit: return 8;
    case Packing::u8_4bit: return 4;
    case Packing::u8_2bit: return 2;
    case Packing::u8_1bit: return 1;
    case Packing::i32_3bit: return 3;
    case Packing::dense_5bit: return 5;
    case Packing::dense_6bit: return 6;
  }
  return 0;
}

std::vector<uint8_t> random_values(int64_t n, int bits, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> q(static_cast<size_t>(n));
  for (uint8_t& v : q) v = static_cast<uint8_t>(random() & ((1u << bits) - 1));
  return q;
}

std::vector<uint8_t> packed(const std::vector<uint8_t>& q, int64_t rows, int64_t cols, Packing p) {
  std::vector<uint8_t> out(static_cast<size_t>(packed_bytes(p, rows, cols)), 0xee);
  pack(q.data(), rows, cols, p, out.data());
  return out;
}

void compare_with_reference(const std::string& folder) {
  const Json index = read_json_file(folder + "/bitpack.json");
  const TensorStore store = TensorStore::open(folder + "/bitpack.safetensors");
  int compared = 0;
  for (const Json& c : index.at("cases").as_array()) {
    const std::string name = c.at("case").as_string();
    const auto packing = packing_from_string(c.at("packing").as_string());
    CHECK(packing.has_value(), name);
    const TensorView raw = store.view(name + ".raw"), golden = store.view(name + ".packed");
    const int64_t rows = raw.shape.at(0), cols = raw.shape.at(1);
    CHECK(packed_shape(*packing, rows, cols) == golden.shape, name);
    CHECK(packed_dtype(*packing) == golden.dtype, name);
    const auto* q = static_cast<const uint8_t*>(raw.data);
    std::vector<uint8_t> bytes(static_cast<size_t>(golden.bytes()));
    pack(q, rows, cols, *packing, bytes.data());
    CHECK(std::memcmp(bytes.data(), golden.data, bytes.size()) == 0, name, ": packed bytes differ");
    std::vector<uint8_t> back(static_cast<size_t>(raw.bytes()));
    unpack(golden.data, rows, cols, *packing, back.data());
    CHECK(std::memcmp(back.data(), q, back.size()) == 0, name, ": unpacked values differ");
    require_interchangeable(*packing, rows);
    ++compared;
  }
  CHECK(compared >= 5, compared);
  for (const Json& f : index.at("failures").as_array()) {
    const Packing packing = packing_for(static_cast<int>(f.at("nbits").as_int()), PackFormat::interchange);
    CHECK_THROWS_CODE(require_interchangeable(packing, f.at("raw_shape").as_array().at(0).as_int()), bad_input);
  }
}

}  // namespace

TEST("bytes equal the reference's") { compare_with_reference(HQQ_TEST_DATA "/quant/bitpack"); }

TEST("bytes equal the reference's (all shared cases)") { compare_with_reference(test::shared_data("fixtures/bitpack")); }

TEST("any row count survives a round trip, whole and by rows") {
  for (const Packing p : kAll) {
    for (const int64_t rows : {1, 2, 3, 5, 7, 8, 9, 10, 11, 16, 23, 40, 64, 77}) {
      for (const int64_t cols : {1, 3, 16, 33}) {
        const auto q = random_values(rows * cols, bits_of(p), static_cast<uint32_t>(rows * 100 + cols));
        const auto bytes = packed(q, rows, cols, p);
        std::vector<uint8_t> back(q.size(), 0xee);
        unpack(bytes.data(), rows, cols, p, back.data());
        CHECK(back == q, to_string(p), " ", rows, "x", cols);
        const int64_t begin = rows / 3, end = rows - rows / 4;
        std::vector<uint8_t> part(static_cast<size_t>((end - begin) * cols));
        unpack_rows(bytes.data(), rows, cols, p, begin, end, part.data());
        CHECK(std::memcmp(part.data(), q.data() + begin * cols, part.size()) == 0, to_string(p), " rows ", begin, "-", end);
      }
    }
  }
}

TEST("large matrices are packed in parallel with the same bytes") {
  const int64_t rows = 4096, cols = 129;
  for (const Packing p : kAll) {
    const auto q = random_values(rows * cols, bits_of(p), 7);
    const auto bytes = packed(q, rows, cols, p);
    std::vector<uint8_t> back(q.size());
    unpack(bytes.data(), rows, cols, p, back.data());
    CHECK(back == q, to_string(p));
  }
}

TEST("dense packings hold what their drawing says") {
  // 4 rows of 6 bits: low nibbles of rows 0,2 and 1,3, then the four high pairs.
  const std::vector<uint8_t> six = {0b010001, 0b100010, 0b110011, 0b000100};
  const std::vector<uint8_t> six_bytes = {0x13, 0x24, 0b01101100};
  CHECK(packed(six, 4, 1, Packing::dense_6bit) == six_bytes);
  CHECK((packed_shape(Packing::dense_6bit, 4, 1) == Shape{3, 1}));
  const std::vector<uint8_t> five = {16, 1, 18, 3, 4, 21, 6, 23};
  const std::vector<uint8_t> five_bytes = {0x04, 0x15, 0x26, 0x37, 0b10100101};
  CHECK(packed(five, 8, 1, Packing::dense_5bit) == five_bytes);
  CHECK((packed_shape(Packing::dense_5bit, 8, 1) == Shape{5, 1}));
}

TEST("packing per bit width and format") {
  CHECK(packing_for(4, PackFormat::interchange) == Packing::u8_4bit);
  CHECK(packing_for(6, PackFormat::interchange) == Packing::u8_8bit);
  CHECK(packing_for(5, PackFormat::interchange) == Packing::u8_8bit);
  CHECK(packing_for(6, PackFormat::dense) == Packing::dense_6bit);
  CHECK(packing_for(5, PackFormat::dense) == Packing::dense_5bit);
  CHECK_THROWS_CODE(packing_for(7, PackFormat::dense), bad_input);
  CHECK_THROWS_CODE(require_interchangeable(Packing::dense_6bit, 64), bad_input);
  for (const Packing p : kAll) CHECK(packing_from_string(to_string(p)) == p);
}
