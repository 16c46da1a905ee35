// Every reader of other people's files against files that are cut off, contradict themselves or are enormous: an error of a known kind that
// names the file and what is wrong in it, in bounded memory and time, and never a crash.
#include <sys/resource.h>

#include <cstring>
#include <set>

#include "engine/convert_model.h"
#include "io/gguf.h"
#include "io/hqq_layer.h"
#include "io/pickle_writer.h"
#include "io/zip_archive.h"
#include "io/zip_layout.h"
#include "quant/dequantize.h"
#include "tests/support/check.h"
#include "tests/support/gguf_file.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

const std::string kData = HQQ_TEST_DATA;

/// Opens a model and reads everything in it.
void read_all(const std::string& path) {
  const TensorStore store = TensorStore::open(path);
  for (const TensorEntry& entry : store.entries()) (void)store.bytes(entry);
  for (const std::string& module : hqq_layer_names(store)) {
    const QuantizedTensor layer = load_hqq_layer(store, module);
    std::vector<float> weight(static_cast<size_t>(numel(layer.shape)));
    dequantize(layer, weight.data());
  }
}

/// What stands against reading `path`, empty when nothing does; the error is of one of the kinds that say something about a file, and names
/// one of `places`.
std::string refusal(const std::string& path, const std::vector<std::string>& places, const std::string& what) {
  try {
    read_all(path);
    return {};
  } catch (const EngineError& error) {
    const std::string text = error.what();
    const bool known = error.code() == ErrorCode::bad_file || error.code() == ErrorCode::unsupported || error.code() == ErrorCode::not_found;
    CHECK(known, what, ": ", text);
    const bool named = std::any_of(places.begin(), places.end(), [&](const std::string& place) { return text.find(place) != std::string::npos; });
    CHECK(named, what, " is not named in: ", text);
    return text;
  }
}

/// Names of safetensors headers in files: {begin, end} of every part.
std::set<size_t> safetensors_boundaries(const std::string& file, const std::string& path) {
  uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  std::set<size_t> at = {8, 9, static_cast<size_t>(8 + header)};
  for (const TensorEntry& entry : parse_safetensors_header(std::as_bytes(std::span(file.data(), file.size())), path))
    at.insert({static_cast<size_t>(entry.offset), static_cast<size_t>(entry.offset + entry.bytes)});
  return at;
}

std::set<size_t> zip_boundaries(const std::string& file, const std::string& path) {
  std::set<size_t> at;
  size_t end = 0;
  for (const auto& [name, member] : read_zip_directory(std::as_bytes(std::span(file.data(), file.size())), path)) {
    at.insert({static_cast<size_t>(member.offset), static_cast<size_t>(member.offset + member.bytes)});
    end = std::max(end, static_cast<size_t>(member.offset + member.bytes));
  }
  for (size_t i = end; i < file.size(); i += 46) at.insert(i);
  return at;
}

TEST("robustness: files are refused wherever a part of them ends too early") {
  struct Case {
    std::string folder, file;
    std::set<size_t> (*boundaries)(const std::string&, const std::string&);
  };
  std::vector<Case> cases = {{kData + "/pytorch_bin", "pytorch_model-00002-of-00002.bin", zip_boundaries},
                             {kData + "/qmodel", "qmodel.pt", zip_boundaries},
                             {kData + "/families/llama3", "model.safetensors", safetensors_boundaries}};
  for (const auto& layer : fs::directory_iterator(kData + "/layers"))
    if (layer.is_directory()) cases.push_back({layer.path().string(), "model.safetensors", safetensors_boundaries});
  int cuts = 0;
  for (const auto& [folder, name, boundaries] : cases) {
    const TempDir dir;
    fs::copy(folder, dir.str(), fs::copy_options::recursive);
    const std::string whole = test::read_file(dir / name);
    for (const size_t boundary : boundaries(whole, name)) {
      for (const size_t length : {boundary - 1, boundary, boundary + 1}) {
        if (length >= whole.size()) continue;
        dir.write(name, whole.substr(0, length));
        CHECK(!refusal(dir.str(), {name}, name + " cut").empty(), folder, " was read although only ", length, " bytes are left");
        ++cuts;
      }
    }
  }
  CHECK(cuts > 500, cuts);
}

/// Tensors as a file has them, to be written again in part.
struct Parts {
  explicit Parts(const std::string& path) : file(path) {
    for (const TensorEntry& entry : parse_safetensors_header(file.bytes(), path)) {
      const DType dtype = entry.dtype == "I8" ? DType::u8 : dtype_from_safetensors(entry.dtype).value();
      tensors.push_back({entry.name, {file.bytes().data() + entry.offset, dtype, entry.shape}});
    }
  }
  MappedFile file;
  std::vector<TensorToWrite> tensors;
};

/// Like write_safetensors, but without waiting for the disk a thousand times.
void write_quickly(const TempDir& dir, std::vector<TensorToWrite> tensors) {
  std::vector<TensorSpec> specs;
  for (const TensorToWrite& tensor : tensors) specs.push_back(tensor_spec(tensor.name, tensor.view.dtype, tensor.view.shape));
  std::string file = safetensors_header(specs, {});
  for (const TensorToWrite& tensor : tensors) file.append(static_cast<const char*>(tensor.view.data), static_cast<size_t>(tensor.view.bytes()));
  dir.write("model.safetensors", file);
}

TEST("robustness: a layer without one of its tensors, or with another type or shape, is read or refused by name") {
  static const std::vector<std::byte> zeros(1 << 20);
  int tried = 0, refused = 0;
  for (const auto& folder : fs::directory_iterator(kData + "/layers")) {
    if (!folder.is_directory()) continue;
    const Parts parts(folder.path().string() + "/model.safetensors");
    const TempDir dir;
    fs::copy(folder.path() / "config.json", dir / "config.json");
    const auto attempt = [&](std::vector<TensorToWrite> tensors, const std::string& what) {
      write_quickly(dir, std::move(tensors));
      ++tried;
      refused += !refusal(dir.str(), {"model.safetensors", "config.json"}, folder.path().filename().string() + ": " + what).empty();
    };
    for (size_t i = 0; i < parts.tensors.size(); ++i) {
      const TensorToWrite& one = parts.tensors[i];
      if (one.name == "expected") continue;
      std::vector<TensorToWrite> others = parts.tensors;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
      attempt(others, one.name + " left out");
      const auto replaced = [&](DType dtype, const Shape& shape, const std::string& what) {
        others.push_back({one.name, {zeros.data(), dtype, shape}});
        attempt(others, one.name + " " + what);
        others.pop_back();
      };
      for (const DType dtype : {DType::u8, DType::i32, DType::i64, DType::f16, DType::f32, DType::bf16}) replaced(dtype, one.view.shape, "of another type");
      replaced(one.view.dtype, {}, "as a single number");
      replaced(one.view.dtype, {0}, "empty");
      replaced(one.view.dtype, {1, 2, 3}, "of three dimensions");
      for (size_t d = 0; d < one.view.shape.size(); ++d) {
        for (const int64_t extent : {int64_t{0}, int64_t{1}, one.view.shape[d] - 1, one.view.shape[d] + 1, one.view.shape[d] * 2}) {
          Shape shape = one.view.shape;
          shape[d] = extent;
          replaced(one.view.dtype, shape, "of shape " + to_string(shape));
        }
      }
    }
  }
  CHECK(tried > 1000 && refused > tried / 2, refused, " of ", tried);
}

/// Every way to replace one value in a tree of JSON by another.
void each_change(const Json& at, const std::function<Json(const Json&)>& rebuild, const std::function<void(const Json&)>& use) {
  static const std::vector<std::string> others = {"null", "-1", "0", "7", "1000000000000", "1.5", "true", "\"\"", "\"../x\"", "[]", "{}"};
  for (const std::string& other : others) use(rebuild(parse_json(other)));
  if (!at.is_object()) return;
  for (const auto& [key, value] : at.as_object()) {
    const std::string name = key;
    each_change(value, [&, name](const Json& changed) {
      Json copy = at;
      return rebuild(copy.set(name, changed));
    }, use);
  }
}

TEST("robustness: a configuration that contradicts the layers is refused by name") {
  int tried = 0;
  for (const char* name : {"gptq_4bit", "gptq_4bit_sym_no_index", "awq", "compressed_4bit_group_zeros", "compressed_8bit_channel", "bitsandbytes_nf4"}) {
    const TempDir dir;
    fs::copy(kData + "/layers/" + name, dir.str(), fs::copy_options::recursive);
    const Json config = read_json_file(dir / "config.json");
    each_change(config, [](const Json& changed) { return changed; }, [&](const Json& changed) {
      dir.write("config.json", changed.dump());
      (void)refusal(dir.str(), {"config.json", "model.safetensors"}, std::string(name) + " with " + changed.dump());
      ++tried;
    });
  }
  CHECK(tried > 300, tried);
}

TEST("robustness: a model's configuration that contradicts its tensors is refused before anything runs") {
  const TempDir dir;
  fs::copy(kData + "/families/llama3", dir.str(), fs::copy_options::recursive);
  const Json config = read_json_file(dir / "config.json");
  int refused = 0;
  for (const char* field : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim"}) {
    for (const int64_t value : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{3}, int64_t{1} << 20, int64_t{1} << 40}) {
      Json changed = config;
      changed.set(field, value);
      dir.write("config.json", changed.dump());
      try {
        (void)test::load(dir.str());
      } catch (const EngineError& error) {
        const std::string text = error.what();
        CHECK(error.code() == ErrorCode::bad_file || error.code() == ErrorCode::unsupported || error.code() == ErrorCode::not_found, field, " ", value, ": ", text);
        CHECK(text.find(field) != std::string::npos || text.find("model.") != std::string::npos || text.find("config.json") != std::string::npos, field, ": ", text);
        ++refused;
      }
    }
  }
  CHECK(refused >= 35, refused);
}

TEST("robustness: shards that are missing, named elsewhere or hold something else") {
  const TempDir dir;
  fs::copy(kData + "/pytorch_bin", dir.str(), fs::copy_options::recursive);
  const std::string index = "pytorch_model.bin.index.json", first = "pytorch_model-00001-of-00002.bin";
  const std::string text = test::read_file(dir / index);
  fs::rename(dir / first, dir / "aside");
  CHECK(refusal(dir.str(), {first}, "missing shard").find("pytorch_model-00001") != std::string::npos);
  dir.write(first, "not an archive");
  CHECK(!refusal(dir.str(), {first}, "another kind of file").empty());
  fs::remove(dir / first);
  fs::rename(dir / "aside", dir / first);
  for (const std::string& name : {std::string("../") + first, std::string("/etc/passwd.bin"), std::string("a\\\\b.bin"), std::string(".bin"), std::string("model.safetensors")}) {
    std::string changed = text;
    changed.replace(changed.find(first), first.size(), name);
    dir.write(index, changed);
    CHECK(!refusal(dir.str(), {index}, name).empty(), name);
  }
}

TEST("robustness: names are data, whatever they look like") {
  const TempDir dir;
  const std::vector<float> values = {1, 2, 3, 4};
  const std::vector<std::string> names = {"../../etc/passwd.weight", "/tmp/x.weight", "C:\\x.weight", "\xE9\x87\x8D\xE3\x81\xBF.weight", "a\nb.weight", "..", ".weight", "weight."};
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : names) tensors.push_back({name, {values.data(), DType::f32, {4}}});
  write_quickly(dir, tensors);
  const TensorStore store = TensorStore::open(dir.str());
  for (const std::string& name : names) CHECK(store.contains(name), name);
  read_all(dir.str());
  CHECK_EQ(std::distance(fs::directory_iterator(dir.str()), fs::directory_iterator()), 1);
}

/// Most memory this process has had, in MB.
int64_t peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

TEST("robustness: files of a million tensors are refused by their number, in bounded memory") {
  constexpr int kMany = 1'000'000;
  const TempDir dir;
  const int64_t before = peak_megabytes();
  const auto little = [](uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  {
    std::string header = "{";
    for (int i = 0; i < kMany; ++i) {
      if (i > 0) header += ',';
      header += "\"t" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
    }
    header += '}';
    dir.write("many.safetensors", little(header.size(), 8) + header);
  }
  const std::string many = refusal(dir / "many.safetensors", {"many.safetensors"}, "safetensors");
  CHECK(many.find("too many") != std::string::npos, "\"", many, "\"");
  {
    std::string file = "GGUF" + little(3, 4) + little(kMany, 8) + little(0, 8);
    for (int i = 0; i < kMany; ++i) {
      const std::string name = "t" + std::to_string(i);
      file += little(name.size(), 8) + name + little(1, 4) + little(1, 8) + little(0, 4) + little(0, 8);
    }
    dir.write("many.gguf", file);
  }
  CHECK(refusal(dir / "many.gguf", {"many.gguf"}, "gguf").find("above the limit") != std::string::npos);
  {
    // One tensor, remembered, under a million names.
    PickleWriter one;
    one.begin_dict();
    one.text("t");
    one.tensor({"FloatStorage", "0", {1}});
    std::string pickle = one.finish();
    pickle.back() = 'q';
    pickle += '\0';
    for (int i = 0; i < kMany; ++i) {
      const std::string name = std::to_string(i);
      pickle += 'X' + little(name.size(), 4) + name + 'h' + '\0';
    }
    pickle += "u.";
    const std::vector<std::pair<std::string, std::string>> members = {{"m/data.pkl", pickle}, {"m/data/0", std::string(4, '\0')}};
    const ZipLayout layout({{members[0].first, static_cast<int64_t>(pickle.size())}, {members[1].first, 4}});
    std::string file;
    for (size_t i = 0; i < members.size(); ++i) file += layout.header(i, 0) + members[i].second;
    dir.write("pytorch_model.bin", file + layout.directory({0, 0}));
  }
  CHECK(refusal(dir / "pytorch_model.bin", {"pytorch_model.bin"}, "pickle").find("one of more than") != std::string::npos);
  CHECK(peak_megabytes() - before < 2000, peak_megabytes() - before, " MB");
}

TEST("robustness: nothing stays under a final name when writing fails") {
  const TempDir dir;
  NullReporter reporter;
  fs::create_directory(dir / "out");
  fs::create_directory(dir / "source");
  fs::copy(kData + "/qmodel", dir / "source", fs::copy_options::recursive);
  const std::string whole = test::read_file(dir / "source/qmodel.pt");
  for (const char* format : {"hqq-safetensors", "qmodel", "compressed-tensors"}) {
    dir.write("source/qmodel.pt", whole.substr(0, whole.size() / 2));
    CHECK_THROWS_CODE(convert_model({.model_dir = dir / "source", .out_dir = dir / "out", .format = format}, reporter), bad_file);
    for (const auto& file : fs::directory_iterator(dir / "out")) CHECK(file.path().string().ends_with(".partial"), file.path().string());
  }
}

}  // namespace
}  // namespace hqq
