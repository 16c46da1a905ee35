// The safetensors reader against good and hostile files, and the writer against the reader.
#include "io/safetensors.h"

#include <array>
#include <cstring>
#include <filesystem>

#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::TempDir;

/// A file with this header text and this many data bytes; `claimed` overrides the stated header length.
std::string file_with(const std::string& header, size_t data_bytes, int64_t claimed = -1) {
  const uint64_t length = claimed >= 0 ? static_cast<uint64_t>(claimed) : header.size();
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>((length >> (8 * i)) & 0xFF);
  return out + header + std::string(data_bytes, '\x01');
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::vector<TensorEntry> parse(const std::string& file, const SafetensorsLimits& limits = {}) {
  return parse_safetensors_header(std::as_bytes(std::span(file.data(), file.size())), "test.safetensors", nullptr,
                                  limits);
}

TEST("safetensors: a good header") {
  const auto entries =
      parse(file_with("{\"__metadata__\":{\"format\":\"pt\"}," + tensor("b", "F32", "[2,3]", "[8,32]") + "," +
                          tensor("a", "I64", "[]", "[0,8]") + "," + tensor("none", "F16", "[0,4]", "[8,8]") + "}  ",
                      32));
  CHECK_EQ(entries.size(), 3u);
  CHECK_EQ(entries[0].name, "b");
  CHECK_EQ(entries[0].bytes, 24);
  CHECK_EQ(entries[1].shape.size(), 0u);
  CHECK_EQ(entries[2].bytes, 0);
  CHECK_EQ(parse(file_with("{}", 0)).size(), 0u);
}

TEST("safetensors: hostile headers are refused") {
  const std::array<std::string, 33> bad = {
      "",
      "1234567",
      file_with("", 0),
      file_with("{}", 0, 0),
      file_with("{}", 0, 3),
      file_with("{}", 0, 1 << 30),
      file_with("{}", 0, INT64_MAX),
      std::string(8, '\xFF') + "{}",
      file_with("[]", 0),
      file_with(" {}", 0),
      file_with("{", 0),
      file_with("{}x", 0),
      file_with("{}", 1),                                                                // bytes of no tensor
      file_with("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", 7),                      // truncated
      file_with("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", 9),                      // trailing byte
      file_with("{" + tensor("a", "F32", "[3]", "[0,8]") + "}", 8),                      // byte count
      file_with("{" + tensor("a", "F32", "[-2]", "[0,8]") + "}", 8),                     // negative extent
      file_with("{" + tensor("a", "F32", "[0,-2]", "[0,0]") + "}", 0),                   // negative beside zero
      file_with("{" + tensor("a", "F32", "[2.5]", "[0,8]") + "}", 8),                    // fraction
      file_with("{" + tensor("a", "F32", "[4611686018427387904,4]", "[0,0]") + "}", 0),  // overflows to zero
      file_with("{" + tensor("a", "F32", "[9223372036854775808]", "[0,8]") + "}", 8),    // beyond 64 bits
      file_with("{" + tensor("a", "F31", "[2]", "[0,8]") + "}", 8),                      // unknown dtype
      file_with("{" + tensor("a", "F32", "[2]", "[8,0]") + "}", 8),                      // ends before it begins
      file_with("{" + tensor("a", "F32", "[2]", "[-8,0]") + "}", 8),                     // negative offset
      file_with("{" + tensor("a", "F32", "[2]", "[0]") + "}", 8),
      file_with("{" + tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("b", "F32", "[1]", "[8,12]") + "}",
                12),  // hole
      file_with("{" + tensor("a", "F32", "[2]", "[0,8]") + "," + tensor("b", "F32", "[1]", "[4,8]") + "}",
                8),  // overlap
      file_with("{" + tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("b", "F32", "[1]", "[0,4]") + "}",
                4),  // the same place
      file_with("{" + tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("a", "F32", "[1]", "[4,8]") + "}",
                8),                                                                  // the same name
      file_with("{" + tensor("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", 4),  // rank
      file_with("{" + tensor("a", "F4", "[3]", "[0,1]") + "}", 1),                   // half bytes
      file_with("{\"a\":3}", 0),
      file_with("{\"__metadata__\":{\"a\":1}}", 0),
  };
  for (const std::string& file : bad) CHECK_THROWS_CODE(parse(file), bad_file);
}

TEST("safetensors: the caps hold") {
  const std::string two =
      file_with("{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("b", "U8", "[1]", "[1,2]") + "}", 2);
  CHECK_EQ(parse(two).size(), 2u);
  CHECK_THROWS_CODE(parse(two, {.max_tensors = 1}), bad_file);
  CHECK_THROWS_CODE(parse(two, {.max_header_bytes = 50}), bad_file);
  CHECK_THROWS_CODE(parse(file_with("{" + tensor(std::string(2000, 'n'), "U8", "[1]", "[0,1]") + "}", 1)), bad_file);
  CHECK_THROWS_CODE(parse(file_with("{" + tensor("", "U8", "[1]", "[0,1]") + "}", 1)), bad_file);
  CHECK_THROWS_CODE(parse(file_with("{" + tensor("a\\u0000b", "U8", "[1]", "[0,1]") + "}", 1)), bad_file);
}

TEST("safetensors: what is written is read back") {
  const TempDir dir;
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const std::array<uint8_t, 3> text = {'a', 'b', 'c'};
  const int32_t number = 42;
  write_safetensors(dir / "model.safetensors", {{"text", {text.data(), DType::u8, {3}}},
                                                {"number", {&number, DType::i32, {}}},
                                                {"values", {values.data(), DType::f32, {2, 3}}}});
  CHECK(!std::filesystem::exists(dir / "model.safetensors.tmp"));
  const TensorStore store = TensorStore::open(dir.str());
  CHECK_EQ(store.entries().size(), 3u);
  CHECK_EQ(store.metadata().at("format"), "pt");
  CHECK_EQ(store.ascii("text"), "abc");
  CHECK_EQ(store.scalar("number"), 42);
  const TensorView view = store.view("values");
  CHECK_EQ(reinterpret_cast<uintptr_t>(view.data) % 4, 0u);
  CHECK(std::memcmp(view.data, values.data(), sizeof values) == 0);
  store.drop("values");
  CHECK(std::memcmp(view.data, values.data(), sizeof values) == 0, "a dropped page is read again");
  CHECK_THROWS_CODE(store.view("absent"), not_found);
  CHECK_THROWS_CODE(store.scalar("absent"), not_found);
  CHECK_THROWS_CODE(store.scalar("values"), bad_file);
  CHECK_THROWS_CODE(store.scalar("text"), bad_file);
  CHECK_THROWS_CODE(store.ascii("number"), bad_file);
}

TEST("safetensors: types the engine does not compute with are listed and refused when read") {
  const TempDir dir;
  const auto path = dir.write("x.safetensors", file_with("{" + tensor("a", "F8_E4M3", "[2]", "[0,2]") + "}", 2));
  const TensorStore store = TensorStore::open(path);
  CHECK_EQ(store.entries()[0].dtype, "F8_E4M3");
  CHECK_THROWS_CODE(store.view("a"), unsupported);
}

TEST("safetensors: paths that are no model") {
  const TempDir dir;
  CHECK_THROWS_CODE(TensorStore::open(dir / "absent"), not_found);
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), not_found);
  dir.write("pytorch_model.bin", "x");
  try {
    TensorStore::open(dir.str());
    FAIL("opened");
  } catch (const EngineError& error) {
    CHECK(std::string(error.what()).find("pytorch_model.bin is not a valid ZIP archive") != std::string::npos, error.what());
  }
  dir.write("model.safetensors", "");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
  std::filesystem::remove(dir / "model.safetensors");
  std::filesystem::create_directory(dir / "model.safetensors");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
}

TEST("safetensors: a sharded index") {
  const TempDir dir;
  const std::string index = "model.safetensors.index.json";
  dir.write("one.safetensors", file_with("{" + tensor("a", "U8", "[1]", "[0,1]") + "}", 1));
  dir.write("two.safetensors",
            file_with("{" + tensor("b", "U8", "[2]", "[0,2]") + "," + tensor("a", "U8", "[3]", "[2,5]") + "}", 5));
  dir.write(index, R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const TensorStore store = TensorStore::open(dir.str());
  CHECK_EQ(store.entries().size(), 2u);
  CHECK_EQ(store.find("a")->shape[0], 1);
  CHECK_EQ(store.files().size(), 2u);

  dir.write(index, R"({"weight_map":{"a":"one.safetensors","c":"two.safetensors"}})");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
  dir.write(index, R"({"weight_map":{"a":"gone.safetensors"}})");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), not_found);
  for (const char* shard :
       {"../one.safetensors", "/etc/passwd", "x/../../one.safetensors", "..", ".", "", "one.bin", "a\\\\b.safetensors",
        "C:one.safetensors", ".hidden.safetensors", "one.safetensors\\u0000"}) {
    dir.write(index, R"({"weight_map":{"a":")" + std::string(shard) + "\"}}");
    CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
  }
  for (const char* text :
       {"{}", "[]", R"({"weight_map":[]})", R"({"weight_map":{"a":1}})", "{", R"({"weight_map":null})"}) {
    dir.write(index, text);
    CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
  }
}

TEST("safetensors: writing where it is not possible") {
  const TempDir dir;
  const uint8_t byte = 1;
  const std::vector<TensorToWrite> tensors = {{"a", {&byte, DType::u8, {1}}}};
  CHECK_THROWS_CODE(write_safetensors(dir / "absent/x.safetensors", tensors), not_found);
  std::filesystem::create_directory(dir / "x.safetensors.tmp");
  CHECK_THROWS_CODE(write_safetensors(dir / "x.safetensors", tensors), io);
}

}  // namespace
}  // namespace hqq
