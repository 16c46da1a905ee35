// What layers lose under candidates, measured; and that what was quantized once is not quantized again.
#include "engine/sensitivity.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/candidate_store.h"
#include "engine/quantize_model.h"
#include "model/probe.h"
#include "quant/weight_reader.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TempDir;

const std::string kQ = "model.layers.0.self_attn.q_proj", kDown = "model.layers.6.mlp.down_proj";

std::string demo() { return HQQ_REPO "/resources/demo-model"; }

LayerChoice choice(const std::string& module, int nbits, const char* method) {
  LayerChoice c;
  c.module = module;
  c.config.nbits = nbits;
  c.config.group_size = 64;
  c.method = method;
  return c;
}

SensitivityOptions little(const std::string& store) {
  SensitivityOptions options;
  options.model_dir = demo();
  for (const std::string& module : {kQ, kDown}) {
    options.layers.push_back({module, {choice(module, 2, "self-compensated"), choice(module, 3, "self-compensated"), choice(module, 4, "hqq")}, 1});
  }
  options.moments.sequences = 3;
  options.moments.length = 32;
  options.tokens = 64;
  options.store_dir = store;
  return options;
}

std::vector<LayerSensitivity> measure(const SensitivityOptions& options, SensitivityResult* result = nullptr) {
  NullReporter quiet;
  std::vector<LayerSensitivity> layers;
  const SensitivityResult found = measure_sensitivity(options, [&](const LayerSensitivity& layer) { layers.push_back(layer); }, quiet);
  if (result != nullptr) *result = found;
  return layers;
}

int64_t count_files(const std::string& dir) {
  return std::distance(fs::directory_iterator(dir), fs::directory_iterator());
}

}  // namespace

TEST("a layer exchanged for itself changes nothing, for something else it does, and the model is as it was afterwards") {
  NullReporter quiet;
  const std::vector<std::vector<int32_t>> text = {{1, 40, 300, 17, 5, 99}, {1, 7, 7}};
  ModelProbe probe(demo(), text, quiet);
  CHECK_EQ(probe.tokens(), int64_t{9});
  CHECK(probe.mean_nll() > 0 && std::isfinite(probe.mean_nll()));
  CHECK(probe.has(kDown) && !probe.has("lm_head"));
  const TensorStore store = TensorStore::open(demo());
  const TensorView view = store.view(kDown + ".weight");
  std::vector<float> weights(static_cast<size_t>(view.numel()));
  WeightReader(view).read(0, view.numel(), weights.data());
  CHECK(probe.divergence(kDown, weights.data(), quiet) < 1e-9);
  std::vector<float> halved = weights;
  for (float& w : halved) w *= 0.5f;
  const double far = probe.divergence(kDown, halved.data(), quiet);
  CHECK(far > 1e-4, far);
  CHECK(probe.divergence(kDown, weights.data(), quiet) < 1e-9, "its own weights are back");
  CHECK_EQ(probe.divergence(kDown, halved.data(), quiet), far);
  CHECK_THROWS_CODE(probe.divergence("lm_head", weights.data(), quiet), bad_input);
}

TEST("errors fall with the bits, divergences are there, and the second time everything is taken from the store") {
  const TempDir temp;
  SensitivityResult result;
  const auto layers = measure(little(temp / "store"), &result);
  CHECK_EQ(layers.size(), size_t{2});
  CHECK_EQ(result.tokens, int64_t{64});
  for (const LayerSensitivity& layer : layers) {
    const auto& c = layer.candidates;
    CHECK(layer.divergence > 0, layer.module);
    CHECK(c[0].weighted_error > c[1].weighted_error && c[1].weighted_error > 0 && c[2].weighted_error > 0, layer.module);
    CHECK(c[0].bytes < c[1].bytes && c[1].bytes < c[2].bytes);
    CHECK(!c[0].kept && !c[1].kept);
  }
  // Half-quadratic results are made faster than they are read.
  CHECK_EQ(count_files(temp / "store"), int64_t{4});
  const auto again = measure(little(temp / "store"));
  for (size_t i = 0; i < layers.size(); ++i) {
    CHECK(again[i].candidates[0].kept && again[i].candidates[1].kept && !again[i].candidates[2].kept);
    CHECK_EQ(again[i].divergence, layers[i].divergence);
    for (size_t k = 0; k < 3; ++k) CHECK_EQ(again[i].candidates[k].weighted_error, layers[i].candidates[k].weighted_error);
  }
  SensitivityOptions other = little(temp / "store");
  other.moments.seed = 5;
  CHECK(!measure(other)[0].candidates[0].kept, "another text is another candidate");
}

TEST("a model made with the store is byte for byte the one made without, and damaged files in it are made again") {
  const TempDir temp;
  NullReporter quiet;
  const auto make = [&](const std::string& name, const std::string& store) {
    QuantizeModelOptions options;
    options.model_dir = demo();
    options.out_dir = temp / name;
    options.choices = {choice(kQ, 3, "refined"), choice(kDown, 2, "refined"), choice("model.layers.2.mlp.up_proj", 4, "hqq")};
    options.choices[1].config.quant_zero = options.choices[1].config.quant_scale = true;
    options.store_dir = store;
    quantize_model(options, quiet);
    return read_file(temp / (name + "/model.safetensors"));
  };
  const std::string plain = make("plain", "");
  CHECK(make("first", temp / "store") == plain);
  CHECK_EQ(count_files(temp / "store"), int64_t{2});
  CHECK(make("second", temp / "store") == plain);
  for (const auto& entry : fs::directory_iterator(temp / "store")) std::ofstream(entry.path()) << "nonsense";
  CHECK(make("third", temp / "store") == plain);
  CHECK(make("fourth", temp / "store") == plain);
}

}  // namespace hqq
