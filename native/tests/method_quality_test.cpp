// The methods against the figures of the prototype they were designed with: perplexity of the demo model on held-out text, windows of
// 512 over the first 20,000 ids, linear layers of the blocks only, scales and zeros in float32.
#include <filesystem>
#include <fstream>

#include "engine/quantize_model.h"
#include "engine/token_ids.h"
#include "io/json.h"
#include "model/model.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

std::string demo() { return HQQ_REPO "/resources/demo-model"; }

std::vector<LayerChoice> all_linears(const std::string& method, int nbits, int64_t group) {
  std::vector<LayerChoice> choices;
  const TensorStore store = TensorStore::open(demo());
  for (const TensorEntry& entry : store.entries()) {
    if (!entry.name.ends_with("_proj.weight")) continue;
    LayerChoice choice;
    choice.module = entry.name.substr(0, entry.name.size() - 7);
    choice.config.nbits = nbits;
    choice.config.group_size = group;
    choice.method = method;
    choices.push_back(choice);
  }
  return choices;
}

/// The demo model's configuration, for a folder whose layers say themselves how they are quantized.
void copy_config(const std::string& dir, int nbits, int64_t group) {
  Json config = parse_json(test::read_file(demo() + "/config.json"));
  Json weights, quant, described;
  weights.set("nbits", nbits).set("group_size", group).set("axis", 1);
  quant.set("weight_quant_params", std::move(weights));
  described.set("quant_method", "hqq").set("quant_config", std::move(quant)).set("skip_modules", Json::Array{Json("lm_head")});
  config.set("quantization_config", std::move(described));
  std::ofstream(dir + "/config.json") << config.dump();
}

double perplexity_of(const TempDir& temp, const std::string& method, int nbits, int64_t group) {
  NullReporter quiet;
  QuantizeModelOptions options;
  options.model_dir = demo();
  options.out_dir = temp / (method + std::to_string(nbits) + "g" + std::to_string(group));
  options.choices = all_linears(method, nbits, group);
  options.compute_dtype = DType::f32;
  options.moments_file = temp / "moments.safetensors";
  quantize_model(options, quiet);
  copy_config(options.out_dir, nbits, group);
  LoadOptions load;
  load.context_length = 512;
  const auto ids = read_token_ids_file(HQQ_TEST_DATA "/models/demo-eval-ids.json", 0);
  CHECK_EQ(ids.size(), size_t{20000});
  return Model::load(options.out_dir, load, quiet)->perplexity(ids, {.window = 512}, quiet).perplexity;
}

}  // namespace

TEST("perplexity of the demo model is at most 2 % above the prototype's, and below it with errors fed back") {
  const TempDir temp;
  const struct {
    const char* method;
    int nbits;
    int64_t group;
    double prototype, allowed;
  } cases[] = {
      {"refined", 3, 64, 28.41, 1.02},
      {"self-compensated", 4, 64, 24.90, 1.0},
      {"self-compensated", 3, 64, 27.03, 1.0},
      {"self-compensated", 2, 16, 31.9, 1.0},
  };
  for (const auto& c : cases) {
    const double found = perplexity_of(temp, c.method, c.nbits, c.group);
    CHECK(found <= c.prototype * c.allowed, c.method, " ", c.nbits, "-bit g", c.group, ": ", found, ", prototype ", c.prototype);
  }
}

}  // namespace hqq
