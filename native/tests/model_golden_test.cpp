// Logits, greedy texts and perplexities against values that transformers and hqq computed. Cases in tests/data/models
// run in any clone; larger ones are read from the shared golden data and skip loudly without it.
#include <algorithm>
#include <cstdlib>

#include "io/json.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"
#include "tests/support/golden.h"
#include "tests/support/memory_source.h"

using namespace hqq;
using test::compare;
using test::Difference;
using test::greedy;
using test::id_rows;
using test::load;
using test::logits_of;

namespace {

std::vector<int32_t> id_list(const Json& json) {
  std::vector<int32_t> ids;
  for (const Json& id : json.as_array()) ids.push_back(static_cast<int32_t>(id.as_int()));
  return ids;
}

/// golden_greedy.json of the small real models: every text, id for id.
void check_greedy_file(const std::string& dir) {
  const auto model = load(dir);
  const Json golden = read_json_file(dir + "/golden_greedy.json");
  for (const Json& c : golden.at("cases").as_array()) {
    const auto expected = id_list(c.at("new_ids"));
    const auto result = greedy(*model, id_list(c.at("prompt_ids")), expected.size());
    CHECK(result.new_ids == expected, c.get("prompt", ""));
  }
}

double perplexity(Model& model, const std::vector<int32_t>& ids, PerplexityProtocol protocol, int64_t window,
                  int64_t stride) {
  NullReporter reporter;
  return model.perplexity(ids, {.protocol = protocol, .window = window, .stride = stride}, reporter).perplexity;
}

}  // namespace

TEST("tiny models: float32 logits and greedy ids at every level") {
  for (const char* name : {"plain", "biased", "linear", "dynamic"}) {
    const std::string dir = std::string(HQQ_TEST_DATA) + "/models/" + name;
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    const auto ids = id_rows(golden.view("input_ids"));
    test::at_every_level([&] {
      const auto model = load(dir, 64);
      const Difference d = compare(logits_of(*model, ids), golden.view("logits"));
      CHECK(d.max <= 1e-4, name, " off by ", d.max);
      if (!golden.contains("greedy")) return;
      const std::vector<int32_t> prompt(ids[0].begin(), ids[0].begin() + 12);
      CHECK(greedy(*model, prompt, 20).new_ids == id_rows(golden.view("greedy")).front(), name);
    });
  }
}

TEST("tiny model quantized by hqq at every bit width: golden logits") {
  const std::string models = std::string(HQQ_TEST_DATA) + "/models/";
  const TensorStore golden = TensorStore::open(models + "plain/golden.safetensors");
  const auto ids = id_rows(golden.view("input_ids"));
  test::at_every_level([&] {
    const auto model = load(models + "plain_hqq");
    int quantized = 0;
    for (const LayerInfo& layer : model->info().layers) quantized += layer.quantized;
    CHECK_EQ(quantized, 14);
    const Difference d = compare(logits_of(*model, ids), golden.view("logits_hqq"));
    CHECK(d.max <= 1e-4, "off by ", d.max);
    const Difference fast = compare(logits_of(*model, ids, Numerics::fast), golden.view("logits_hqq"));
    CHECK(fast.mean <= 0.05, "8-bit activations are off by ", fast.mean, " on average");
  });
}

TEST("llama fixture: float32 logits at every level") {
  const std::string dir = test::shared_data("fixtures/models/llama");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const auto ids = id_rows(golden.view("input_ids"));
  test::at_every_level([&] {
    const auto model = load(dir);
    const Difference d = compare(logits_of(*model, ids), golden.view("logits_fp32"));
    CHECK(d.max <= 1e-4, "off by ", d.max);
  });
}

TEST("llama fixture: official quantized tensors give the official logits") {
  const std::string dir = test::shared_data("fixtures/models/llama");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const TensorStore stored = TensorStore::open(dir + "/quant_q4_g64_a1.safetensors");
  const auto ids = id_rows(golden.view("input_ids"));
  test::at_every_level([&] {
    test::OverlaySource source(
        dir, [&](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
          if (!stored.contains(module + ".W_q")) return std::nullopt;
          return test::official_tensor(stored, module, weight.shape, 4, 64, 1);
        });
    NullReporter reporter;
    const auto model = Model::build(read_model_config(dir), source, {}, reporter);
    CHECK(model->info().layers.front().quantized);
    const Difference d = compare(logits_of(*model, ids), golden.view("logits_q4_g64_a1"));
    CHECK(d.max <= 1e-4, "off by ", d.max);
    const Difference fast = compare(logits_of(*model, ids, Numerics::fast), golden.view("logits_q4_g64_a1"));
    // 8-bit activations on random weights, the worst case: about 2 % of the logits' standard deviation.
    CHECK(fast.mean <= 0.04, "8-bit activations are off by ", fast.mean, " on average");
  });
}

TEST("llama fixture: quantized by this engine") {
  const std::string dir = test::shared_data("fixtures/models/llama");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const auto ids = id_rows(golden.view("input_ids"));
  struct Case {
    const char* name;
    int nbits;
    int64_t group;
    int axis;
  };
  for (const Case& c : {Case{"logits_q4_g64_a1", 4, 64, 1}, Case{"logits_q4_g64_a0", 4, 64, 0},
                        Case{"logits_q2_g16_a1", 2, 16, 1}, Case{"logits_q2_g16_a0", 2, 16, 0}}) {
    QuantConfig config{.nbits = c.nbits, .group_size = c.group, .axis = c.axis};
    config.round_zero = c.nbits == 4;
    test::OverlaySource source(dir, test::quantize_linears(config));
    NullReporter reporter;
    const auto model = Model::build(read_model_config(dir), source, {}, reporter);
    const Difference d = compare(logits_of(*model, ids), golden.view(c.name));
    CHECK(d.mean <= 0.02, c.name, " mean ", d.mean);
    CHECK(d.top1 == 1.0, c.name, " top-1 agrees in ", d.top1);
  }
}

TEST("saved by transformers and hqq: golden logits") {
  struct Case {
    const char* folder;
    const char* golden;
    const char* name;
  };
  for (const Case& c : {Case{"hf_hqqconfig_fp32", "hf_hqqconfig_fp32", "logits_dequant_float32"},
                        Case{"hf_hqqconfig_fp16", "hf_hqqconfig_fp16", "logits_dequant_float32"},
                        Case{"hf_hqqconfig_dynamic_fp32", "hf_hqqconfig_dynamic_fp32", "logits_dequant_float32"},
                        // The sharded folder holds the same layers as qmodel.pt, which came with the logits.
                        Case{"hqq_save_to_safetensors", "qmodel_head_q4g64a1_fp16", "logits_loaded_as_float32"}}) {
    const std::string base = test::shared_data("fixtures/serialization/");
    const TensorStore golden = TensorStore::open(base + c.golden + "/golden.safetensors");
    const auto model = load(base + c.folder);
    const Difference d = compare(logits_of(*model, id_rows(golden.view("input_ids"))), golden.view(c.name));
    CHECK(d.max <= 1e-4, c.folder, " off by ", d.max);
  }
}

TEST("stories260K and babyllama105: greedy texts word for word") {
  for (const char* name : {"stories260K", "babyllama105"})
    check_greedy_file(test::shared_data(std::string("data/models/") + name));
}

TEST("perplexity loop of the reference") {
  const std::string dir = test::shared_data("fixtures/models/llama"),
                    ppl = test::shared_data("fixtures/serialization/ppl");
  const auto ids = id_rows(TensorStore::open(ppl + "/tokens.safetensors").view("tokens")).front();
  const Json golden = read_json_file(ppl + "/ppl.json");
  const TensorStore stored = TensorStore::open(dir + "/quant_q4_g64_a1.safetensors");
  NullReporter reporter;
  test::OverlaySource source(
      dir, [&](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
        if (!stored.contains(module + ".W_q")) return std::nullopt;
        return test::official_tensor(stored, module, weight.shape, 4, 64, 1);
      });
  const auto quantized = Model::build(read_model_config(dir), source, {}, reporter);
  const double expected = golden.at("ppl_fp32").as_number(), expected_q4 = golden.at("ppl_q4_g64_a1").as_number();
  CHECK_NEAR(perplexity(*load(dir), ids, PerplexityProtocol::hqq, 128, 64), expected, 1e-3 * expected);
  CHECK_NEAR(perplexity(*quantized, ids, PerplexityProtocol::hqq, 128, 64), expected_q4, 1e-3 * expected_q4);
}

TEST("demo model: greedy texts") {
  const std::string dir = test::shared_data("demo-model");
  const Json golden = read_json_file(dir + "/golden.json");
  const auto model = load(dir);
  for (const Json& c : golden.at("greedy").as_array()) {
    const auto expected = id_list(c.at("new_ids"));
    // transformers applied the repetition penalty of the model's generation_config.json to these, greedy or not.
    CHECK(greedy(*model, id_list(c.at("prompt_ids")), expected.size(), 1.1).new_ids == expected, c.get("prompt", ""));
  }
}

TEST("SmolLM2: golden answers; quantized at 4 bits it still knows Paris") {
  const char* dir = std::getenv("HQQ_SMOLLM2");
  if (!dir)
    SKIP(
        "set HQQ_SMOLLM2 to the folder that shared/tools/gguf_to_hf.py makes of "
        "shared/data/models/smollm2-135m-instruct");
  const Json golden = read_json_file(test::shared_data("data/models/smollm2-135m-instruct/golden.json"));
  const auto model = load(dir);
  for (const Json& c : golden.at("cases").as_array()) {
    const auto expected = id_list(c.at("new_ids"));
    const auto result = greedy(*model, id_list(c.at("prompt_ids")), expected.size());
    CHECK(result.new_ids == expected, c.at("text").as_string());
  }
  NullReporter reporter;
  test::OverlaySource source(dir, test::quantize_linears({.nbits = 4, .group_size = 64, .round_zero = true}));
  const auto quantized = Model::build(read_model_config(dir), source, {}, reporter);
  const auto answer = greedy(*quantized, id_list(golden.at("cases").as_array()[0].at("prompt_ids")), 32, 1.0, {2});
  constexpr int32_t paris = 7042;
  CHECK(std::find(answer.new_ids.begin(), answer.new_ids.end(), paris) != answer.new_ids.end());
}
