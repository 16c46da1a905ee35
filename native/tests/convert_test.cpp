// Models written in other formats: compressed-tensors read back as the same integers, with the same logits, its layout as
// published; what a format cannot hold is refused, what it costs is told.
#include "engine/convert_model.h"

#include "engine/quantize_model.h"
#include "io/hqq_layer.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

using namespace hqq;
using test::TempDir;

namespace {

const std::string kSource = std::string(HQQ_TEST_DATA) + "/families/llama3";

std::vector<std::string> modules_of_blocks() {
  std::vector<std::string> names;
  for (const char* block : {"model.layers.0.", "model.layers.1."})
    for (const char* tag : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
                            "mlp.up_proj", "mlp.down_proj"})
      names.push_back(std::string(block) + tag);
  return names;
}

/// A quantized copy of the tiny llama with its configuration.
void quantize_into(const std::string& dir, const QuantConfig& config, const std::string& method) {
  QuantizeModelOptions options;
  options.model_dir = kSource;
  options.out_dir = dir;
  options.compute_dtype = DType::f16;
  for (const std::string& module : modules_of_blocks()) options.choices.push_back({module, config, method});
  NullReporter reporter;
  quantize_model(options, reporter);
  std::filesystem::copy_file(kSource + "/config.json", dir + "/config.json");
}

ConvertModelResult convert(const std::string& from, const std::string& to, const std::string& format, int nbits = 0) {
  std::filesystem::create_directory(to);
  NullReporter reporter;
  ConvertModelResult made = convert_model({.model_dir = from, .out_dir = to, .format = format, .nbits = nbits}, reporter);
  Json config = read_json_file(kSource + "/config.json");
  if (!made.quantization_config.is_null()) config.set("quantization_config", made.quantization_config);
  std::ofstream(to + "/config.json") << config.dump();
  return made;
}

WeightDifference compare_dirs(const std::string& a, const std::string& b) {
  NullReporter reporter;
  return compare_weights(a, b, reporter);
}

std::vector<float> logits_in(const std::string& dir) {
  const auto model = test::load(dir);
  return test::logits_of(*model, {{1, 5, 9, 33, 12, 60, 7, 2}});
}

}  // namespace

TEST("convert: integer zeros go into compressed-tensors and come back bit for bit, with the same logits") {
  for (const int nbits : {4, 8}) {
    const TempDir dir;
    quantize_into(dir / "q", {.nbits = nbits, .group_size = 16, .round_zero = true}, "rtn");
    const ConvertModelResult made = convert(dir / "q", dir / "ct", "compressed-tensors");
    CHECK_EQ(made.layers, 14);
    const WeightDifference difference = compare_dirs(dir / "q", dir / "ct");
    CHECK_EQ(difference.exact, difference.tensors);
    CHECK(logits_in(dir / "q") == logits_in(dir / "ct"));
    // And back.
    convert(dir / "ct", dir / "hqq", "hqq-safetensors");
    CHECK_EQ(compare_dirs(dir / "q", dir / "hqq").max_error, 0.0);
  }
}

TEST("convert: compressed-tensors as its format describes it") {
  const TempDir dir;
  quantize_into(dir / "q", {.nbits = 4, .group_size = 16, .round_zero = true}, "rtn");
  const Json config = convert(dir / "q", dir / "ct", "compressed-tensors").quantization_config;
  CHECK_EQ(config.at("quant_method").as_string(), "compressed-tensors");
  CHECK_EQ(config.at("format").as_string(), "pack-quantized");
  CHECK_EQ(config.at("ignore").as_array().front().as_string(), "lm_head");
  const Json& group = config.at("config_groups").at("group_0");
  CHECK_EQ(group.at("targets").as_array().front().as_string(), "Linear");
  const Json& weights = group.at("weights");
  CHECK_EQ(weights.at("num_bits").as_int(), 4);
  CHECK_EQ(weights.at("group_size").as_int(), 16);
  CHECK_EQ(weights.at("strategy").as_string(), "group");
  CHECK_EQ(weights.at("type").as_string(), "int");
  CHECK(!weights.at("symmetric").as_bool() && !weights.at("dynamic").as_bool());
  const MappedFile file(dir / "ct/model.safetensors");
  int checked = 0;
  for (const TensorEntry& entry : parse_safetensors_header(file.bytes(), "model.safetensors")) {
    if (!entry.name.starts_with("model.layers.0.mlp.down_proj.")) continue;
    const std::string key = entry.name.substr(29);
    if (key == "weight_packed") CHECK(entry.dtype == "I32" && entry.shape == Shape({32, 6}));
    else if (key == "weight_scale") CHECK(entry.dtype == "F16" && entry.shape == Shape({32, 3}));
    else if (key == "weight_shape") CHECK(entry.dtype == "I64" && entry.shape == Shape({2}));
    else if (key == "weight_zero_point") CHECK(entry.dtype == "I32" && entry.shape == Shape({4, 3}));
    else FAIL("unknown tensor ", entry.name);
    ++checked;
  }
  CHECK_EQ(checked, 4);
}

TEST("convert: what rounding zeros costs is told, and finer steps make it less") {
  const TempDir dir;
  quantize_into(dir / "q", {.nbits = 4, .group_size = 16}, "hqq");
  convert(dir / "q", dir / "four", "compressed-tensors", 4);
  convert(dir / "q", dir / "eight", "compressed-tensors", 8);
  const WeightDifference four = compare_dirs(dir / "q", dir / "four"), eight = compare_dirs(dir / "q", dir / "eight");
  CHECK(four.exact < four.tensors && four.mean_error > 0);
  CHECK(eight.mean_error < four.mean_error / 8);
}

TEST("convert: layers that a format cannot hold are refused by name") {
  const TempDir dir;
  quantize_into(dir / "q", {.nbits = 4, .group_size = 16, .axis = 0}, "hqq");
  CHECK_THROWS_CODE(convert(dir / "q", dir / "ct", "compressed-tensors"), bad_input);
  CHECK(!std::filesystem::exists(dir / "ct/model.safetensors"));
  CHECK_THROWS_CODE(convert(dir / "q", dir / "odd", "odd"), bad_input);
  CHECK_THROWS_CODE(convert(kSource, dir / "plain", "hqq-safetensors"), bad_input);
  quantize_into(dir / "eight", {.nbits = 8, .group_size = 16}, "hqq");
  CHECK_THROWS_CODE(convert(dir / "eight", dir / "narrow", "compressed-tensors", 4), bad_input);
}

TEST("convert: a qmodel.pt comes back bit for bit, with the same logits") {
  struct Case {
    const char* name;
    QuantConfig config;
  };
  for (const auto& [name, config] : {Case{"4 bits", {.nbits = 4, .group_size = 16}}, Case{"3 bits", {.nbits = 3, .group_size = 16}},
                                     Case{"axis 0", {.nbits = 8, .group_size = 16, .axis = 0}},
                                     Case{"8-bit zeros", {.nbits = 2, .group_size = 16, .quant_zero = true}},
                                     Case{"whole rows", {.nbits = 4, .group_size = 0}}}) {
    const TempDir dir;
    quantize_into(dir / "q", config, "hqq");
    const ConvertModelResult made = convert(dir / "q", dir / "pt", "qmodel");
    CHECK(made.files == std::vector<std::string>{"qmodel.pt"} && made.layers == 14, name);
    CHECK_EQ(static_cast<int64_t>(std::filesystem::file_size(dir / "pt/qmodel.pt")), made.file_bytes);
    const WeightDifference difference = compare_dirs(dir / "q", dir / "pt");
    CHECK(difference.tensors > 14 && difference.exact == difference.tensors, name, ": ", difference.exact, " of ", difference.tensors);
    CHECK(logits_in(dir / "q") == logits_in(dir / "pt"), name);
  }
}

TEST("convert: a qmodel.pt holds a tied head once under two names, and no layer that hqq cannot read") {
  const TempDir dir;
  const std::string tied = std::string(HQQ_TEST_DATA) + "/pytorch_bin";
  quantize_into(dir / "five", {.nbits = 5, .group_size = 16}, "hqq");
  CHECK_THROWS_CODE(convert(dir / "five", dir / "refused", "qmodel"), bad_input);
  CHECK(!std::filesystem::exists(dir / "refused/qmodel.pt") && !std::filesystem::exists(dir / "refused/qmodel.pt.partial"));
  QuantizeModelOptions options;
  options.model_dir = tied;
  options.out_dir = dir / "q";
  options.choices = {{"model.layers.0.mlp.up_proj", {.nbits = 4, .group_size = 16}, "hqq"}, {"model.embed_tokens", {.nbits = 8, .group_size = 16}, "hqq"}};
  NullReporter reporter;
  quantize_model(options, reporter);
  convert(dir / "q", dir / "pt", "qmodel");
  const TensorStore store = TensorStore::open(dir / "pt");
  const TensorEntry *table = store.find("model.embed_tokens.weight"), *head = store.find("lm_head.weight");
  CHECK(table && head && table->offset == head->offset && table->bytes == 4096 * 16 * 2);
  CHECK_EQ(hqq_layer_names(store).size(), 1u);
  CHECK_EQ(compare_dirs(dir / "q", dir / "pt").exact + 1, compare_dirs(dir / "q", dir / "pt").tensors);
}
