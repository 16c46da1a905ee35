// One model of every family against transformers and hqq: float32 logits, the official quantized tensors, weights that
// this engine quantized, and greedy continuations through the KV cache.
#include <cstdlib>
#include <filesystem>

#include "tests/support/every_level.h"
#include "tests/support/golden.h"
#include "tests/support/memory_source.h"

using namespace hqq;
using test::compare;
using test::Difference;
using test::id_rows;
using test::logits_of;

namespace {

/// Soft-capping by exponentials costs a digit where scores are large.
double tolerance(const ModelConfig& config) {
  return config.attention_softcap > 0 || config.logit_softcap > 0 ? 2e-3 : 1e-3;
}

std::unique_ptr<Model> build(const std::string& dir, test::Quantize quantize) {
  NullReporter reporter;
  test::OverlaySource source(dir, std::move(quantize));
  return Model::build(read_model_config(dir), source, {}, reporter);
}

/// Every linear layer but the routers of a mixture, as MixtralHQQ has it.
test::Quantize quantize_but_router(const QuantConfig& config) {
  const test::Quantize all = test::quantize_linears(config);
  return [all](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
    if (module.ends_with(".gate") || module.ends_with("shared_expert_gate")) return std::nullopt;
    return all(module, weight);
  };
}

test::Quantize official(const TensorStore& stored) {
  return [&stored](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
    if (!stored.contains(module + ".W_q")) return std::nullopt;
    return test::official_tensor(stored, module, weight.shape, 4, 64, 1);
  };
}

void check_greedy(Model& model, const TensorStore& golden, const std::string& name, const char* what) {
  const auto ids = id_rows(golden.view("input_ids"));
  const auto expected = id_rows(golden.view(name));
  for (size_t r = 0; r < expected.size(); ++r) {
    const std::vector<int32_t> prompt(ids[r].begin(), ids[r].begin() + 24);
    const auto made = test::greedy(model, prompt, expected[r].size(), 1.0, {}, Numerics::exact).new_ids;
    CHECK(made == expected[r], what, ": ", name, " row ", r);
  }
}

/// Small models of tests/data/families, or of another folder of such cases.
std::vector<std::string> small_cases() {
  const char* elsewhere = std::getenv("HQQ_FAMILY_CASES");
  std::vector<std::string> dirs;
  for (const auto& entry :
       std::filesystem::directory_iterator(elsewhere ? elsewhere : std::string(HQQ_TEST_DATA) + "/families"))
    if (entry.is_directory()) dirs.push_back(entry.path().string());
  std::sort(dirs.begin(), dirs.end());
  CHECK(!dirs.empty());
  return dirs;
}

constexpr const char* kModels[] = {"llama", "mistral", "mixtral", "phi", "qwen2", "qwen3", "gemma2", "gemma3"};

}  // namespace

TEST("small models of every family: float32 logits, greedy ids, weights quantized here") {
  for (const std::string& dir : small_cases()) {
    const std::string name = std::filesystem::path(dir).filename();
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    const auto ids = id_rows(golden.view("input_ids"));
    const float margin = *static_cast<const float*>(golden.view("greedy_margin").data);
    test::at_every_level([&] {
      const auto model = test::load(dir);
      const Difference d = compare(logits_of(*model, ids), golden.view("logits"));
      CHECK(d.max <= 1e-4, name, " off by ", d.max);
      const auto expected = id_rows(golden.view("greedy"));
      for (size_t r = 0; margin > 1e-3f && r < expected.size(); ++r) {
        const std::vector<int32_t> prompt(ids[r].begin(), ids[r].begin() + 20);
        CHECK(test::greedy(*model, prompt, expected[r].size(), 1.0, {}, Numerics::exact).new_ids == expected[r], name);
      }
    });
    const auto quantized =
        build(dir, quantize_but_router({.nbits = 4, .group_size = 16, .axis = 1, .round_zero = true}));
    const Difference d = compare(logits_of(*quantized, ids), golden.view("logits_q4"));
    CHECK(d.mean <= 0.02, name, " quantized: off by ", d.mean, " on average");
  }
}

TEST("every family: float32 logits and greedy ids at every level") {
  for (const char* name : kModels) {
    const std::string dir = test::shared_data("fixtures/models/") + name;
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    const auto ids = id_rows(golden.view("input_ids"));
    test::at_every_level([&] {
      const auto model = test::load(dir, 64);
      const Difference d = compare(logits_of(*model, ids), golden.view("logits_fp32"));
      CHECK(d.max <= tolerance(model->info().config), name, " off by ", d.max);
      check_greedy(*model, golden, "greedy16_fp32", name);
    });
  }
}

TEST("every family: official quantized tensors give the official logits") {
  for (const char* name : kModels) {
    const std::string dir = test::shared_data("fixtures/models/") + name;
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors"),
                      stored = TensorStore::open(dir + "/quant_q4_g64_a1.safetensors");
    const auto model = build(dir, official(stored));
    const Difference d = compare(logits_of(*model, id_rows(golden.view("input_ids"))), golden.view("logits_q4_g64_a1"));
    CHECK(d.max <= tolerance(model->info().config), name, " off by ", d.max);
    check_greedy(*model, golden, "greedy16_q4_g64_a1", name);
  }
}

TEST("every family quantized here: mean difference from the official logits") {
  struct Case {
    QuantConfig config;
    const char* golden;
  };
  const Case cases[] = {{{.nbits = 4, .group_size = 64, .axis = 1, .round_zero = true}, "logits_q4_g64_a1"},
                        {{.nbits = 4, .group_size = 64, .axis = 0, .round_zero = true}, "logits_q4_g64_a0"},
                        {{.nbits = 2, .group_size = 16, .axis = 1}, "logits_q2_g16_a1"},
                        {{.nbits = 2, .group_size = 16, .axis = 0}, "logits_q2_g16_a0"}};
  for (const char* name : kModels) {
    const std::string dir = test::shared_data("fixtures/models/") + name;
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    for (const Case& c : cases) {
      const auto model = build(dir, quantize_but_router(c.config));
      const Difference d = compare(logits_of(*model, id_rows(golden.view("input_ids"))), golden.view(c.golden));
      CHECK(d.mean <= 0.02, name, " ", c.golden, ": off by ", d.mean, " on average");
    }
  }
}

TEST("a router that was quantized, too") {
  const std::string dir = test::shared_data("fixtures/models/mixtral");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const auto model = build(dir, test::quantize_linears({.nbits = 4, .group_size = 64, .axis = 1, .round_zero = true}));
  const Difference d =
      compare(logits_of(*model, id_rows(golden.view("input_ids"))), golden.view("logits_q4_g64_a1_auto_gate_quantized"));
  CHECK(d.mean <= 0.02, "off by ", d.mean, " on average");
}
