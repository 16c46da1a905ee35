// Files of torch.save: what PyTorch and both versions of hqq wrote is read, and everything hostile is refused with the name of what stands
// against it.
#include "io/torch_file.h"

#include <cstring>
#include <fstream>

#include "io/hqq_layer.h"
#include "tests/support/check.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::TempDir;

std::string little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i, value >>= 8) out += static_cast<char>(value & 0xFF);
  return out;
}

struct Member {
  std::string name, data;
  int method = 0;
  int64_t at = -1;  // pretended place of its header
};

/// An archive of stored members.
std::string zip(const std::vector<Member>& members) {
  std::string file, directory;
  for (const Member& m : members) {
    const auto place = static_cast<uint64_t>(m.at >= 0 ? m.at : static_cast<int64_t>(file.size()));
    const std::string sizes = little(0, 4) + little(m.data.size(), 4) + little(m.data.size(), 4);
    const std::string method = little(static_cast<uint64_t>(m.method), 2);
    file += little(0x04034b50, 4) + little(0, 4) + method + little(0, 4) + sizes + little(m.name.size(), 2) + little(0, 2) + m.name + m.data;
    directory += little(0x02014b50, 4) + little(0, 6) + method + little(0, 4) + sizes + little(m.name.size(), 2) + little(0, 12) + little(place, 4) + m.name;
  }
  const std::string count = little(members.size(), 2);
  return file + directory + little(0x06054b50, 4) + little(0, 4) + count + count + little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
std::string number(int64_t value) { return "\x8a\x08" + little(static_cast<uint64_t>(value), 8); }
std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
std::string tuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += number(value);
  return out + "t";
}
std::string tensor(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t offset = 0, int64_t elements = 6,
                   const std::string& type = "FloatStorage", const std::string& key = "0") {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") + global("torch", type) + text(key) + text("cuda:0") + number(elements) + "tQ" +
         number(offset) + tuple(shape) + tuple(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "\x80\x02}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u.";
}
const std::string kSix = [] {
  std::string out;
  for (const float value : {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F}) out += std::string(reinterpret_cast<const char*>(&value), 4);
  return out;
}();
std::string archive(const std::string& pickle) { return zip({{"m/data.pkl", pickle}, {"m/byteorder", "little"}, {"m/data/0", kSix}}); }

std::string written(const TempDir& dir, const std::string& content, const std::string& name = "pytorch_model.bin") {
  std::ofstream(dir / name, std::ios::binary) << content;
  return dir / name;
}

/// The refusal of a file; empty when it is read.
std::string refusal(const std::string& content) {
  const TempDir dir;
  written(dir, content);
  try {
    const TensorStore store = TensorStore::open(dir.str());
    for (const TensorEntry& entry : store.entries()) (void)store.bytes(entry);
  } catch (const EngineError& error) {
    CHECK(error.code() == ErrorCode::bad_file || error.code() == ErrorCode::unsupported, error.what());
    CHECK(std::string(error.what()).find("pytorch_model.bin") != std::string::npos, error.what());
    return error.what();
  }
  return {};
}
void check_refused(const std::string& content, const std::string& because) {
  const std::string message = refusal(content);
  CHECK(message.find(because) != std::string::npos, "\"", message, "\" does not say \"", because, "\"");
}

TEST("torch file: dense tensors lie in the mapping, strided ones are gathered when asked for") {
  const TempDir dir;
  written(dir, archive(dict({{"a.weight", tensor({2, 3}, {3, 1})}, {"b.weight", tensor({3, 2}, {1, 3})}, {"c", tensor({2}, {1}, 4)}, {"d", tensor({0, 5}, {5, 1})}})));
  const TensorStore store = TensorStore::open(dir.str());
  CHECK_EQ(store.entries().size(), 4u);
  const TensorView a = store.view("a.weight"), b = store.view("b.weight"), c = store.view("c");
  const auto value = [](const TensorView& view, int64_t i) {
    float out = 0;
    std::memcpy(&out, static_cast<const std::byte*>(view.data) + i * 4, 4);
    return out;
  };
  CHECK(store.find("a.weight")->derived < 0 && store.find("b.weight")->derived >= 0);
  CHECK(a.shape == (Shape{2, 3}) && value(a, 4) == 4.0F);
  const std::vector<float> transposed = {0, 3, 1, 4, 2, 5};
  for (size_t i = 0; i < 6; ++i) CHECK_EQ(value(b, static_cast<int64_t>(i)), transposed[i]);
  CHECK(value(c, 1) == 5.0F && store.find("d")->bytes == 0);
}

TEST("torch file: hostile pickles are refused by name") {
  const auto call = [](const std::string& module, const std::string& name) {
    return archive("\x80\x02" + global(module, name) + "(" + text("echo") + "tR.");
  };
  check_refused(call("os", "system"), "os.system");
  check_refused(call("posix", "system"), "posix.system");
  check_refused(call("builtins", "eval"), "builtins.eval");
  check_refused(call("torch", "load"), "torch.load");
  check_refused(archive("\x80\x04\x8c\x02os\x8c\x06system\x93" + text("echo") + "\x85R."), "os.system");
  check_refused(archive(std::string("\x80\x02") + "(ios\nsystem\n."), "INST");
  check_refused(archive(std::string("\x80\x02}\x81.")), "NEWOBJ");
  check_refused(archive(std::string("\x80\x02\xff.")), "0xff");
  check_refused(archive("\x80\x02" + global("torch", "FloatStorage") + ")R."), "torch.FloatStorage");
  check_refused(archive("\x80\x02h\x07."), "did not remember");
  check_refused(archive("\x80\x02" + std::string(2000, '(') + "."), "nested deeper");
  check_refused(archive("\x80\x02]."), "no dictionary");
  check_refused(archive("\x80\x02}"), "truncated");
  check_refused(archive("\x80\x02X\xff\xff\xff\x7f" "a."), "truncated");
}

TEST("torch file: a memo of any depth is data, not recursion") {
  std::string pickle = "\x80\x02]q";
  pickle += '\0';
  for (int i = 0; i < 100'000; ++i) pickle += "\x85";
  CHECK_EQ(refusal(archive(pickle + "0.")).find("POP") == std::string::npos, false);
  std::string whole = "\x80\x02}" + text("deep") + "]";
  for (int i = 0; i < 100'000; ++i) whole += "\x85";
  whole += "s" + text("w") + tensor({6}, {1}) + "s.";
  CHECK_EQ(refusal(archive(whole)), std::string());
}

TEST("torch file: tensors stay inside their storages") {
  const auto one = [](const std::string& value) { return archive(dict({{"layer.weight", value}})); };
  CHECK_EQ(refusal(one(tensor({2, 3}, {3, 1}))), std::string());
  check_refused(one(tensor({2, 4}, {4, 1})), "\"layer.weight\" of shape [2, 4] reaches beyond");
  check_refused(one(tensor({2, 3}, {3, 1}, 1)), "reaches beyond");
  check_refused(one(tensor({1}, {1}, -1)), "starts outside");
  check_refused(one(tensor({1}, {1}, 7)), "starts outside");
  check_refused(one(tensor({int64_t{1} << 40, int64_t{1} << 40}, {1, 1})), "reaches beyond");
  check_refused(one(tensor({int64_t{1} << 40}, {0})), "overlapping elements");
  check_refused(one(tensor({2, 2}, {1, 1})), "overlapping elements");
  check_refused(one(tensor({2, 3}, {-3, 1})), "stride");
  check_refused(one(tensor({-2}, {1})), "shape");
  check_refused(one(tensor({2, 3}, {3})), "strides for");
  check_refused(one(tensor({1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})), "more than 8 dimensions");
  check_refused(one(tensor({2}, {1}, 0, 1000)), "storage of 1000 elements");
  check_refused(one(tensor({2}, {1}, 0, 6, "FloatStorage", "../data.pkl")), "does not hold");
  check_refused(archive(dict({{"a", tensor({6}, {1})}, {"b", tensor({12}, {1}, 0, 12, "HalfStorage")}})), "overlaps one of another type");
  check_refused(archive(dict({{"a", tensor({6}, {1})}, {"a", tensor({6}, {1})}})), "there twice");
  check_refused(archive(dict({{std::string("a\0b", 3), tensor({6}, {1})}})), "broken name");
  CHECK_EQ(refusal(archive(dict({{"../../\xC3\xA9t\xC3\xA9", tensor({6}, {1})}}))), std::string());
}

TEST("torch file: archives that are damaged, compressed or ambiguous are refused") {
  const std::string pickle = dict({{"a", tensor({6}, {1})}});
  const std::string good = archive(pickle);
  CHECK_EQ(refusal(good), std::string());
  for (size_t length = 4; length < good.size(); ++length) CHECK(!refusal(good.substr(0, length)).empty(), "cut to ", length);
  check_refused(zip({{"m/data.pkl", pickle, 8}, {"m/data/0", kSix}}), "compressed");
  check_refused(zip({{"m/data.pkl", pickle}, {"m/data/0", kSix}, {"m/data/0", kSix}}), "there twice");
  check_refused(zip({{"m/data/0", kSix}, {"m/data/0", kSix, 0, 0}, {"m/data.pkl", pickle}}), "there twice");
  check_refused(zip({{"m/data.pkl", pickle}, {"m/data/0", kSix, 0, 0}}), "another name at its place");
  check_refused(zip({{"m/data.pkl", pickle}, {"m/data/0", kSix, 0, 100'000}}), "no header at its place");
  check_refused(zip({{"m/data.pkl", pickle}, {"n/data.pkl", pickle}, {"m/data/0", kSix}}), "more than once");
  check_refused(zip({{"m/data.pkl", pickle}, {"m/byteorder", "big"}, {"m/data/0", kSix}}), "byte order");
  check_refused(zip({{"readme.txt", "hello"}}), "no data.pkl");
  check_refused(std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15), "before version 1.6");
}

TEST("torch file: shards and the index beside them") {
  const TempDir dir;
  const std::string index = R"({"weight_map":{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}})";
  written(dir, index, "pytorch_model.bin.index.json");
  written(dir, archive(dict({{"a", tensor({6}, {1})}})), "pytorch_model-00001-of-00002.bin");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), not_found);
  written(dir, archive(dict({{"c", tensor({6}, {1})}})), "pytorch_model-00002-of-00002.bin");
  CHECK_THROWS_CODE(TensorStore::open(dir.str()), bad_file);
  written(dir, archive(dict({{"b", tensor({6}, {1})}})), "pytorch_model-00002-of-00002.bin");
  CHECK_EQ(TensorStore::open(dir.str()).entries().size(), 2u);
}

/// Written by the packages themselves: tests/data/qmodel/make.py.
TEST("torch file: shards of PyTorch give the logits of transformers") {
  const std::string dir = HQQ_TEST_DATA "/pytorch_bin";
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const auto model = test::load(dir);
  const std::vector<float> logits = test::logits_of(*model, test::id_rows(golden.view("input_ids")));
  const TensorView last = golden.view("last_logits");
  const test::Difference d = test::compare({logits.end() - last.numel(), logits.end()}, last);
  CHECK(d.max <= 1e-4, "off by ", d.max);
}

TEST("torch file: what hqq 0.2.8 saves gives its logits, with 2, 3, 4 and 8 bits, both axes and kept layers") {
  const std::string dir = HQQ_TEST_DATA "/qmodel";
  const TensorStore store = TensorStore::open(dir), golden = TensorStore::open(dir + "/golden.safetensors");
  CHECK_EQ(hqq_layer_names(store).size(), 12u);
  const auto model = test::load(dir);
  const test::Difference d = test::compare(test::logits_of(*model, test::id_rows(golden.view("input_ids"))), golden.view("logits"));
  CHECK(d.max <= 1e-4, "off by ", d.max);
}

TEST("torch file: both layouts of hqq give the official logits") {
  struct Case {
    const char *name, *logits;
  };
  for (const auto& [name, key] : {Case{"qmodel_head_q4g64a1_fp16", "logits_loaded_as_float32"}, Case{"qmodel_head_mixed_fp16", "logits_loaded_as_float32"},
                                  Case{"qmodel_feb2024_default_q4", "logits_dequant_float32"}, Case{"qmodel_feb2024_readme_mix", "logits_dequant_float32"}}) {
    const std::string dir = test::shared_data(std::string("fixtures/serialization/") + name);
    const TensorStore store = TensorStore::open(dir);
    const auto modules = hqq_layer_names(store);
    CHECK(!modules.empty());
    for (const std::string& module : modules) (void)describe_hqq_layer(store, module);
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    const auto model = test::load(dir);
    const test::Difference d = test::compare(test::logits_of(*model, test::id_rows(golden.view("input_ids"))), golden.view(key));
    CHECK(d.max <= 1e-4, name, ": off by ", d.max);
  }
}

}  // namespace
}  // namespace hqq
