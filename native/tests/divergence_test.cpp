// The divergence of two models: against a plain computation from whole logits, through a file, and on hand-made rows.
#include "model/divergence.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/arena.h"
#include "engine/methods.h"
#include "tests/support/check.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::TempDir;

ModelConfig tiny(int64_t vocab = 400) {
  ModelConfig config = parse_model_config(parse_json(R"({"architectures":["LlamaForCausalLM"],"vocab_size":400,
    "hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
    "max_position_embeddings":512})"));
  config.vocab_size = vocab;
  return config;
}

std::unique_ptr<Model> random_model(const ModelConfig& config, int nbits) {
  QuantConfig quant;
  quant.nbits = nbits;
  quant.group_size = 32;
  test::RandomSource source(config, quant);
  NullReporter quiet;
  return Model::build(config, source, {.context_length = 512}, quiet);
}

std::vector<int32_t> some_ids(int64_t count, int64_t vocab) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>((i * i * 31 + 7 * i + 1) % vocab));
  return ids;
}

/// ln softmax of one row, in the plainest way.
std::vector<double> log_softmax(const float* row, int64_t vocab) {
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(row[i]));
  std::vector<double> result;
  for (int64_t i = 0; i < vocab; ++i) result.push_back(row[i] - std::log(sum));
  return result;
}

struct Expected {
  double kl = 0, reference_nll = 0, nll = 0;
};

/// From all logits of one window at once.
std::vector<Expected> plainly(Model& p_model, Model& q_model, const std::vector<int32_t>& window, int64_t vocab) {
  const auto time = static_cast<int64_t>(window.size());
  const Buffer p(time * vocab * 4, MemoryUse::scratch), q(time * vocab * 4, MemoryUse::scratch);
  NullReporter quiet;
  p_model.logits({window}, p.span<float>(), Numerics::exact, quiet);
  q_model.logits({window}, q.span<float>(), Numerics::exact, quiet);
  std::vector<Expected> all;
  for (int64_t t = 0; t + 1 < time; ++t) {
    const auto lp = log_softmax(p.as<float>() + t * vocab, vocab), lq = log_softmax(q.as<float>() + t * vocab, vocab);
    const auto target = static_cast<size_t>(window[static_cast<size_t>(t + 1)]);
    Expected one{.reference_nll = -lp[target], .nll = -lq[target]};
    for (size_t i = 0; i < lp.size(); ++i) one.kl += std::exp(lp[i]) * (lp[i] - lq[i]);
    all.push_back(one);
  }
  return all;
}

}  // namespace

TEST("divergence: two hand-made distributions") {
  // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): KL = 1/2 ln 2 - 1/4 ln 2.
  const std::vector<float> p = {std::log(2.0f), 0, 0}, q = {5, 5 + std::log(2.0f), 5};
  const TokenDivergence found = compare_logits(p, q, 2);
  CHECK_NEAR(found.kl, 0.25 * std::log(2.0), 1e-7);
  CHECK_NEAR(found.reference_nll, std::log(4.0), 1e-7);
  CHECK_NEAR(found.other_nll, std::log(4.0), 1e-7);
  CHECK_EQ(found.reference_top, 0);
  CHECK_EQ(found.other_top, 1);
  CHECK_NEAR(found.reference_top_nll, std::log(2.0), 1e-7);
  CHECK_NEAR(found.other_top_nll, std::log(2.0), 1e-7);
}

TEST("divergence: equal rows, shifted rows, far apart rows, rows that are not numbers") {
  const std::vector<float> row = {3, -80, 0.5f, 88};
  std::vector<float> shifted;
  for (const float value : row) shifted.push_back(value - 1000);
  CHECK_EQ(compare_logits(row, row, 0).kl, 0.0);
  CHECK_NEAR(compare_logits(row, shifted, 0).kl, 0.0, 1e-9);
  // All of p where q has e^-300: finite, since it is summed in logs.
  CHECK_NEAR(compare_logits(std::vector<float>{300, 0}, std::vector<float>{0, 300}, 0).kl, 300.0, 1e-9);
  CHECK_THROWS_CODE(compare_logits(std::vector<float>{0, NAN}, std::vector<float>{0, 1}, 0), bad_weights);
  CHECK_THROWS_CODE(compare_logits(std::vector<float>{0, 1}, std::vector<float>{0, INFINITY}, 0), bad_weights);
}

TEST("divergence: windows across batches equal a plain computation from all logits") {
  const ModelConfig config = tiny();
  const auto p = random_model(config, 8), q = random_model(config, 3);
  constexpr int64_t kWindow = 300;  // more than goes through the layers at once
  const auto ids = some_ids(2 * kWindow + 11, config.vocab_size);
  ModelLogits reference(*p, Numerics::exact), other(*q, Numerics::exact);
  std::vector<TokenDivergence> found;
  std::vector<int64_t> positions;
  NullReporter quiet;
  const auto done = measure_divergence(
      ids, kWindow, reference, other,
      [&](int64_t first, std::span<const TokenDivergence> tokens) {
        for (const TokenDivergence& token : tokens) {
          found.push_back(token);
          positions.push_back(first++);
        }
      },
      quiet);
  CHECK_EQ(done.windows, 2);
  CHECK_EQ(done.tokens, 2 * (kWindow - 1));
  size_t at = 0;
  double mean = 0;
  for (int64_t w = 0; w < 2; ++w) {
    const std::vector<int32_t> window(ids.begin() + w * kWindow, ids.begin() + (w + 1) * kWindow);
    int64_t position = w * kWindow + 1;
    for (const Expected& expected : plainly(*p, *q, window, config.vocab_size)) {
      CHECK_EQ(positions[at], position++);
      // The last bits of a row of logits depend on how many rows are computed together.
      CHECK_NEAR(found[at].kl, expected.kl, 1e-7);
      CHECK_NEAR(found[at].reference_nll, expected.reference_nll, 1e-6);
      CHECK_NEAR(found[at].other_nll, expected.nll, 1e-6);
      mean += found[at++].kl / (2 * (kWindow - 1));
    }
  }
  CHECK(mean > 1e-3, mean);

  // The negative log-likelihoods are those that perplexity is made of.
  double nll = 0;
  for (const TokenDivergence& token : found) nll += token.other_nll;
  const auto perplexity = q->perplexity(ids, {.window = kWindow}, quiet);
  CHECK_NEAR(nll, perplexity.nll_sum, 1e-3);
  CHECK_EQ(done.tokens, perplexity.tokens);
}

TEST("divergence: other vocabularies, too short a text, cancelling") {
  const auto p = random_model(tiny(), 8), q = random_model(tiny(410), 8), r = random_model(tiny(), 4);
  ModelLogits first(*p, Numerics::exact), second(*q, Numerics::exact), third(*r, Numerics::exact);
  const auto ids = some_ids(64, 400);
  const auto ignore = [](int64_t, std::span<const TokenDivergence>) {};
  NullReporter quiet;
  CHECK_THROWS_CODE(measure_divergence(ids, 32, first, second, ignore, quiet), bad_input);
  CHECK_THROWS_CODE(measure_divergence(ids, 65, first, third, ignore, quiet), bad_input);
  struct Impatient final : Reporter {
    int seen = 0;
    void progress(const std::string&) override { ++seen; }
    void emit(const std::string&) override {}
    bool cancelled() const override { return seen == 1; }
  } impatient;
  CHECK_THROWS_CODE(measure_divergence(ids, 32, first, third, ignore, impatient), cancelled);
  CHECK_EQ(impatient.seen, 1);
}

namespace {

class Recorder final : public Reporter {
 public:
  void progress(const std::string&) override {}
  void emit(const std::string& json) override { events.push_back(json); }
  bool cancelled() const override { return false; }
  std::vector<std::string> events;
};

Json call(Engine& engine, const std::string& method, const Json& input, Reporter& reporter) {
  return parse_json(run_method(engine, method, input.dump(), reporter));
}

std::string load_demo(Engine& engine, const char* compute_dtype, bool fast) {
  Json input;
  input.set("dir", HQQ_REPO "/resources/demo-model").set("computeDtype", compute_dtype).set("contextLength", 64);
  NullReporter quiet;
  return call(engine, "model.load", input.set("fast", fast), quiet).at("handle").as_string();
}

}  // namespace

TEST("methods: model.divergence says the same with both models loaded and with the first in a file") {
  const TempDir dir;
  std::string list = "[";
  for (const int32_t id : some_ids(70, 400)) list += (list.size() > 1 ? "," : "") + std::to_string(id);
  const std::string ids = dir.write("ids.json", list + "]"), logits = dir / "reference.safetensors";
  Engine engine;
  const std::string p = load_demo(engine, "float32", false), q = load_demo(engine, "float32", true);

  Json together;
  together.set("handle", q).set("idsFile", ids).set("window", 32).set("reference", Json().set("handle", p));
  Recorder at_once;
  const Json done = call(engine, "model.divergence", together, at_once);
  CHECK_EQ(done.at("tokens").as_int(), 62);
  CHECK_EQ(done.at("windows").as_int(), 2);

  Json write;
  write.set("handle", p).set("idsFile", ids).set("window", 32).set("out", logits);
  NullReporter quiet;
  const Json written = call(engine, "model.reference", write, quiet);
  CHECK_EQ(written.at("tokens").as_int(), 62);
  CHECK_EQ(written.at("bytes").as_int(), static_cast<int64_t>(test::read_file(logits).size()));

  Json later;
  later.set("handle", q).set("idsFile", ids).set("window", 32).set("reference", Json().set("file", logits));
  Recorder one_by_one;
  call(engine, "model.divergence", later, one_by_one);
  CHECK(!at_once.events.empty() && at_once.events == one_by_one.events);
  const Json first = parse_json(at_once.events.front());
  CHECK_EQ(first.at("position").as_int(), 1);
  CHECK_EQ(first.at("kl").as_array().size(), first.at("top").as_array().size());

  CHECK_THROWS_CODE(call(engine, "model.divergence", Json(later).set("window", 16), quiet), bad_file);
  CHECK_THROWS_CODE(call(engine, "model.divergence", Json(together).set("reference", Json().set("handle", q)), quiet),
                    bad_input);
  CHECK_THROWS_CODE(call(engine, "model.divergence", Json(together).set("reference", Json::Object{}), quiet), bad_input);
}

}  // namespace hqq
