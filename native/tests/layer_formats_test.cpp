// Layers that other programs have quantized: what those programs themselves dequantize them to is got back bit for bit
// (data/layers), and files whose parts contradict each other are refused by name.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "io/hqq_layer.h"
#include "quant/dequantize.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

const std::string kLayers = std::string(HQQ_TEST_DATA) + "/layers/";

/// Cases that no grid of ours holds.
bool is_dense(const std::string& name) {
  return name.starts_with("bitsandbytes") || name.ends_with("desc_act") || name.ends_with("order");
}

TEST("layer formats: weights are bit for bit what the programs that made them give") {
  test::at_every_level([] {
    int cases = 0;
    for (const auto& folder : fs::directory_iterator(kLayers)) {
      if (!folder.is_directory()) continue;
      const std::string name = folder.path().filename().string();
      const TensorStore store = TensorStore::open(folder.path().string());
      const TensorView expected = store.view("expected");
      CHECK(is_hqq_layer(store, "m") == !is_dense(name), name);
      CHECK(store.notices().size() == (is_dense(name) ? 1u : 0u), name);
      Buffer weight(expected.bytes(), MemoryUse::scratch);
      if (is_dense(name)) {
        const TensorView found = store.view("m.weight");
        CHECK(found.dtype == expected.dtype && found.shape == expected.shape, name);
        std::memcpy(weight.data(), found.data, static_cast<size_t>(expected.bytes()));
      } else {
        const QuantizedTensor layer = load_hqq_layer(store, "m");
        CHECK(layer.shape == expected.shape, name);
        dequantize(layer, expected.dtype, weight.data());
      }
      CHECK(std::memcmp(weight.data(), expected.data, static_cast<size_t>(expected.bytes())) == 0, name);
      for (const TensorEntry& entry : store.entries()) CHECK(!entry.name.ends_with("qweight"), entry.name);
      ++cases;
    }
    CHECK_EQ(cases, 21);
  });
}

TEST("layer formats: what a kept layer is, without reading its weights") {
  const auto info = [](const std::string& name) { return describe_hqq_layer(TensorStore::open(kLayers + name), "m"); };
  CHECK_EQ(info("gptq_3bit").config.nbits, 3);
  CHECK_EQ(info("gptq_4bit").config.group_size, 32);
  CHECK_EQ(info("gptq_4bit_sym_channel").config.group_size, 128);
  CHECK_EQ(info("compressed_8bit_channel").config.nbits, 8);
  CHECK_EQ(info("awq").config.axis, 1);
  CHECK(info("awq").shape == Shape({64, 128}));
}

/// A copy of a case in which one tensor, or the configuration, is another.
class Altered {
 public:
  explicit Altered(const std::string& name) : store_(raw(name)) { fs::copy(kLayers + name + "/config.json", dir_ / "config.json"); }

  /// Without data the tensor is left out.
  TensorStore with(const std::string& key, const TensorView& view) const {
    std::vector<TensorToWrite> tensors;
    for (const TensorToWrite& tensor : store_)
      if (tensor.name != "m." + key) tensors.push_back(tensor);
    if (view.data) tensors.push_back({"m." + key, view});
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    write_safetensors(dir_ / "model.safetensors", tensors);
    return TensorStore::open(dir_.str());
  }
  TensorStore shaped(const std::string& key, DType dtype, Shape shape) const {
    static const std::vector<std::byte> zeros(1 << 20);
    return with(key, {zeros.data(), dtype, std::move(shape)});
  }
  TensorStore configured(const std::string& json) const {
    dir_.write("config.json", "{\"quantization_config\": " + json + "}");
    return with("none", {});
  }

 private:
  /// The tensors as the file has them.
  std::vector<TensorToWrite> raw(const std::string& name) {
    file_.emplace(kLayers + name + "/model.safetensors");
    std::vector<TensorToWrite> tensors;
    for (const TensorEntry& entry : parse_safetensors_header(file_->bytes(), name)) {
      const DType dtype = entry.dtype == "I8" ? DType::u8 : dtype_from_safetensors(entry.dtype).value();
      tensors.push_back({entry.name, {file_->bytes().data() + entry.offset, dtype, entry.shape}});
    }
    return tensors;
  }

  std::optional<MappedFile> file_;
  std::vector<TensorToWrite> store_;
  TempDir dir_;
};

TEST("layer formats: GPTQ parts that contradict each other are refused") {
  const Altered layer("gptq_4bit");
  CHECK_THROWS_CODE(layer.shaped("qweight", DType::i32, {15, 64}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("qweight", DType::f32, {16, 64}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("qweight", DType::i32, {0, 64}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("qzeros", DType::i32, {4, 7}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("qzeros", DType::i32, {3, 8}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("scales", DType::i32, {4, 64}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("scales", DType::f16, {0, 64}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("g_idx", DType::i32, {127}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("g_idx", DType::f32, {128}), bad_file);
  const std::vector<int32_t> far(128, 4), negative(128, -1);
  CHECK_THROWS_CODE(layer.with("g_idx", {far.data(), DType::i32, {128}}), bad_file);
  CHECK_THROWS_CODE(layer.with("g_idx", {negative.data(), DType::i32, {128}}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight", DType::f16, {64, 128}), bad_file);
  CHECK_THROWS_CODE(layer.configured(R"({"quant_method": "gptq", "bits": 8})"), bad_file);
  CHECK_THROWS_CODE(layer.configured(R"({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"})"), unsupported);
  const Altered bare("gptq_4bit_sym_no_index");
  CHECK_THROWS_CODE(bare.configured(R"({"quant_method": "gptq"})"), bad_file);
  CHECK_THROWS_CODE(bare.configured(R"({"bits": 4, "group_size": 64})"), bad_file);
  CHECK_THROWS_CODE(bare.configured(R"({"bits": 5, "group_size": 32})"), unsupported);
}

TEST("layer formats: AWQ parts that contradict each other are refused") {
  const Altered layer("awq");
  CHECK_THROWS_CODE(layer.shaped("qweight", DType::i32, {128, 7}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("qzeros", DType::i32, {4, 9}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("scales", DType::f16, {3, 64}), bad_file);
  CHECK_THROWS_CODE(layer.configured(R"({"quant_method": "awq", "bits": 3})"), unsupported);
  CHECK_THROWS_CODE(layer.configured(R"({"quant_method": "awq", "bits": 4, "version": "GEMV"})"), unsupported);
  CHECK_THROWS_CODE(layer.configured(R"({"quant_method": "awq", "bits": 4, "group_size": 64})"), bad_file);
}

TEST("layer formats: compressed-tensors parts that contradict each other are refused") {
  const Altered layer("compressed_4bit_group_zeros");
  const auto shape = [&](int64_t out, int64_t in) {
    const int64_t extents[] = {out, in};
    return layer.with("weight_shape", {extents, DType::i64, {2}});
  };
  CHECK(is_hqq_layer(shape(64, 128), "m"));
  CHECK_THROWS_CODE(shape(64, 129), bad_file);
  CHECK_THROWS_CODE(shape(0, 128), bad_file);
  CHECK_THROWS_CODE(shape(-64, 128), bad_file);
  CHECK_THROWS_CODE(shape(INT64_MAX, INT64_MAX), bad_file);
  CHECK_THROWS_CODE(layer.with("weight_shape", {}), not_found);
  CHECK_THROWS_CODE(layer.shaped("weight_packed", DType::i32, {64, 15}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight_packed", DType::f16, {64, 16}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight_scale", DType::f16, {64, 3}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight_scale", DType::f16, {32, 4}), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight_global_scale", DType::f32, {1}), unsupported);
  CHECK_THROWS_CODE(load_hqq_layer(layer.shaped("weight_zero_point", DType::i32, {7, 4}), "m"), bad_file);
  const std::vector<int32_t> far(128, 9);
  CHECK_THROWS_CODE(layer.with("weight_g_idx", {far.data(), DType::i32, {128}}), bad_file);
}

TEST("layer formats: bitsandbytes parts that contradict each other are refused") {
  const Altered layer("bitsandbytes_nf4_double");
  const std::string key = "weight.quant_state.bitsandbytes__nf4";
  const auto state = [&](const std::string& json) {
    return layer.with(key, {json.data(), DType::u8, {static_cast<int64_t>(json.size())}});
  };
  CHECK_THROWS_CODE(state("{"), bad_file);
  CHECK_THROWS_CODE(state("{}"), bad_file);
  CHECK_THROWS_CODE(state(R"({"shape": [64, 64], "dtype": "float16", "blocksize": 64})"), bad_file);
  CHECK_THROWS_CODE(state(R"({"shape": [64, -128], "dtype": "float16", "blocksize": 64})"), bad_file);
  CHECK_THROWS_CODE(state(R"({"shape": [64, 128], "dtype": "int8", "blocksize": 64})"), bad_file);
  CHECK_THROWS_CODE(state(R"({"shape": [64, 128], "dtype": "float16", "blocksize": 0})"), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight.absmax", DType::u8, {100}).view("m.weight"), bad_file);
  CHECK_THROWS_CODE(layer.shaped("weight.quant_map", DType::f32, {15}).view("m.weight"), bad_file);
  CHECK_THROWS_CODE(layer.with("weight.nested_absmax", {}).view("m.weight"), not_found);
}

}  // namespace
}  // namespace hqq
