// A quantized folder turned back into plain weights; quantized embeddings, tied or not, which run like any other layer.
#include "engine/dequantize_model.h"
#include "engine/quantize_model.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

using namespace hqq;
using test::TempDir;

namespace {

std::string family(const char* name) { return std::string(HQQ_TEST_DATA) + "/families/" + name; }

/// Quantizes the named modules of a model into `dir`, with its configuration.
void quantize_into(const std::string& source, const std::string& dir, const std::vector<std::string>& modules, int nbits,
                   int axis = 1) {
  QuantizeModelOptions options;
  options.model_dir = source;
  options.out_dir = dir;
  options.compute_dtype = DType::f32;
  for (const std::string& module : modules)
    options.choices.push_back({module, {.nbits = nbits, .group_size = 16, .axis = axis}, "hqq"});
  NullReporter reporter;
  quantize_model(options, reporter);
  std::filesystem::copy_file(source + "/config.json", dir + "/config.json");
}

std::vector<float> values_of(const TensorView& view) {
  std::vector<float> values(static_cast<size_t>(view.numel()));
  to_f32(view.data, view.dtype, values.data(), view.numel());
  return values;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK_EQ(a.size(), b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

}  // namespace

TEST("dequantizing gives plain tensors with the values of the quantized ones") {
  const TempDir dir;
  const std::string source = family("mixtral"), quantized = dir / "q", plain = dir / "plain";
  const std::string expert = "model.layers.1.block_sparse_moe.experts.3.w2", q = "model.layers.0.self_attn.q_proj";
  quantize_into(source, quantized, {expert, q}, 3);
  std::filesystem::create_directory(plain);
  NullReporter reporter;
  const auto made = dequantize_model({.model_dir = quantized, .out_dir = plain, .max_file_bytes = 20'000}, reporter);
  CHECK_EQ(made.dequantized_layers, 2);
  CHECK(made.files.size() > 2);
  const TensorStore before = TensorStore::open(source), stored = TensorStore::open(quantized),
                    after = TensorStore::open(plain);
  CHECK_EQ(after.entries().size(), before.entries().size());
  CHECK(hqq_layer_names(after).empty());
  for (const TensorEntry& entry : before.entries()) {
    const auto now = values_of(after.view(entry.name)), then = values_of(before.view(entry.name));
    CHECK(after.view(entry.name).shape == entry.shape, entry.name);
    const bool changed = entry.name == expert + ".weight" || entry.name == q + ".weight";
    if (!changed) CHECK(now == then, entry.name);
    else CHECK(difference(now, then) < 0.2, entry.name);
  }
  const QuantizedTensor layer = load_hqq_layer(stored, expert);
  std::vector<float> weight(static_cast<size_t>(numel(layer.shape)));
  dequantize(layer, weight.data());
  CHECK(values_of(after.view(expert + ".weight")) == weight);
  // Both folders are the same model.
  std::filesystem::copy_file(source + "/config.json", plain + "/config.json");
  const auto ids = test::id_rows(TensorStore::open(source + "/golden.safetensors").view("input_ids"));
  CHECK(difference(test::logits_of(*test::load(quantized), ids), test::logits_of(*test::load(plain), ids)) <= 1e-4);
}

TEST("a model that is not quantized is not dequantized") {
  const TempDir dir;
  NullReporter reporter;
  CHECK_THROWS_CODE(dequantize_model({.model_dir = family("qwen2"), .out_dir = dir.str()}, reporter), bad_input);
}

TEST("quantized embeddings run as their dequantized values would, tied or not, at both axes") {
  NullReporter reporter;
  for (const char* name : {"qwen2", "mistral", "gemma2", "phi_old"})
    for (const int axis : {0, 1}) {
      const TempDir dir;
      const std::string source = family(name), quantized = dir / "q", plain = dir / "plain";
      const bool old = std::string(name) == "phi_old";
      const std::string embedding = old ? "transformer.embd.wte" : "model.embed_tokens";
      quantize_into(source, quantized, {embedding}, axis == 0 ? 8 : 4, axis);
      std::filesystem::create_directory(plain);
      dequantize_model({.model_dir = quantized, .out_dir = plain, .dtype = DType::f32}, reporter);
      std::filesystem::copy_file(source + "/config.json", plain + "/config.json");
      const auto ids = test::id_rows(TensorStore::open(source + "/golden.safetensors").view("input_ids"));
      const auto model = test::load(quantized);
      CHECK(difference(test::logits_of(*model, ids), test::logits_of(*test::load(plain), ids)) <= 1e-4, name);
      int listed = 0;
      for (const LayerInfo& layer : model->info().layers) listed += layer.name == embedding && layer.quantized;
      CHECK_EQ(listed, 1);
    }
}
