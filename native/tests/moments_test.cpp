// Second moments of layer inputs: gathered as a model runs, shared by layers that share an input, and what a model writes for itself.
#include "model/moments.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "engine/self_moments.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

std::vector<float> random_values(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.1f, 1.0f);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

constexpr std::string_view kQ = "block.q", kK = "block.k", kDown = "block.down";

std::string demo() { return HQQ_REPO "/resources/demo-model"; }

LayerChoice choice(const std::string& module, const char* method) {
  LayerChoice c;
  c.module = module;
  c.method = method;
  return c;
}

}  // namespace

TEST("moments are the means over all tokens, of odd widths too, at every level and thread count") {
  for (const int64_t in : {16, 50, 129}) {
    const int64_t batches[] = {7, 64, 2};
    const auto check = [&] {
      MomentsRecorder recorder({"block.q", "block.k", "block.down"}, {"block.k"});
      std::vector<double> expected(static_cast<size_t>(in * in));
      double tokens = 0;
      for (size_t b = 0; b < 3; ++b) {
        const auto x = random_values(batches[b] * in, static_cast<uint32_t>(b));
        const std::string_view shared[] = {kQ, kK, "block.v"};
        recorder.observe(shared, x.data(), batches[b], in);
        tokens += static_cast<double>(batches[b]);
        for (int64_t t = 0; t < batches[b]; ++t) {
          for (int64_t i = 0; i < in; ++i) {
            for (int64_t j = 0; j < in; ++j) expected[static_cast<size_t>(i * in + j)] += static_cast<double>(x[static_cast<size_t>(t * in + i)]) * x[static_cast<size_t>(t * in + j)];
          }
        }
      }
      const auto found = std::move(recorder).finish();
      CHECK_EQ(found.size(), size_t{2});
      CHECK(found.at("block.q") == found.at("block.k"), "layers that share an input share its moments");
      const InputMoments& m = *found.at("block.k");
      for (int64_t i = 0; i < in; ++i) {
        const double square = expected[static_cast<size_t>(i * in + i)] / tokens;
        CHECK(std::fabs(m.diagonal.as<float>()[i] - square) < 1e-5 * square);
        for (int64_t j = 0; j <= i; ++j) {
          const double mean = expected[static_cast<size_t>(i * in + j)] / tokens;
          CHECK(std::fabs(m.full.as<float>()[i * in + j] - mean) < 1e-4, i, ", ", j);
        }
      }
    };
    test::at_every_level(check);
    test::at_every_thread_count(check);
  }
}

TEST("only the layers asked for are recorded, the full matrix only where it was asked for") {
  const auto x = random_values(4 * 32, 1);
  MomentsRecorder recorder({"block.q", "block.down"}, {"block.down"});
  const std::string_view first[] = {kQ}, second[] = {kDown}, other[] = {"block.gate"};
  recorder.observe(first, x.data(), 4, 32);
  recorder.observe(second, x.data(), 2, 64);
  recorder.observe(other, x.data(), 4, 32);
  const auto found = std::move(recorder).finish();
  CHECK_EQ(found.size(), size_t{2});
  CHECK_EQ(found.at("block.q")->full.bytes(), int64_t{0});
  CHECK_EQ(found.at("block.down")->full.bytes(), int64_t{64 * 64 * 4});
}

TEST("a model's own text gives every linear layer moments, the same for the same seed") {
  const std::string q = "model.layers.0.self_attn.q_proj", down = "model.layers.3.mlp.down_proj";
  const std::vector<LayerChoice> choices = {choice(q, "self"), choice(down, "self-compensated"), choice("lm_head", "self"),
                                            choice("model.layers.1.mlp.up_proj", "hqq")};
  const MomentsOptions little{.sequences = 2, .length = 24, .seed = 7};
  NullReporter quiet;
  const MomentsByModule first = measure_self_moments(demo(), choices, little, quiet).moments;
  CHECK_EQ(first.size(), size_t{2});
  CHECK(first.at(q)->full.bytes() == 0 && first.at(down)->full.bytes() > 0);
  const MomentsByModule again = measure_self_moments(demo(), choices, little, quiet).moments;
  const MomentsByModule other = measure_self_moments(demo(), choices, {.sequences = 2, .length = 24, .seed = 8}, quiet).moments;
  const auto values = [&](const MomentsByModule& m) {
    const auto span = m.at(q)->diagonal.span<float>();
    return std::vector<float>(span.begin(), span.end());
  };
  CHECK(values(first) == values(again) && values(first) != values(other));
  CHECK(measure_self_moments(demo(), {choice(q, "refined")}, little, quiet).moments.empty());
}

TEST("moments kept in a file are taken for the same model, text and layers, and for nothing else") {
  const test::TempDir temp;
  NullReporter quiet;
  const std::string path = temp / "moments.safetensors", q = "model.layers.0.self_attn.q_proj", up = "model.layers.1.mlp.up_proj";
  const MomentsOptions options{.sequences = 1, .length = 16, .keep_in = path, .source = "this model"};
  const auto values = [](const Buffer& buffer) { return std::vector<float>(buffer.span<float>().begin(), buffer.span<float>().end()); };
  const Calibration measured = measure_self_moments(demo(), {choice(q, "self-compensated"), choice(up, "self")}, options, quiet);
  const MomentsRequest request{"this model\n" + text_identity(options), {q, up}, {q}};
  const auto kept = read_moments_file(path, request);
  CHECK(kept.has_value() && kept->moments.size() == 2 && kept->text == measured.text);
  CHECK(values(kept->moments.at(up)->diagonal) == values(measured.moments.at(up)->diagonal) && kept->moments.at(up)->full.bytes() == 0);
  const InputMoments &a = *measured.moments.at(q), &b = *kept->moments.at(q);
  for (int64_t i = 0; i < a.columns; ++i) {
    for (int64_t j = 0; j <= i; ++j) CHECK(a.full.as<float>()[i * a.columns + j] == b.full.as<float>()[i * a.columns + j], i, ", ", j);
  }

  MomentsOptions other = options;
  other.seed = 9;
  CHECK(!read_moments_file(path, {"this model\n" + text_identity(other), {q}, {}}), "another text");
  CHECK(!read_moments_file(path, {"that model\n" + text_identity(options), {q}, {}}), "another model");
  CHECK(!read_moments_file(path, {request.identity, {"model.layers.2.mlp.up_proj"}, {}}), "a layer that was not measured");
  CHECK(!read_moments_file(path, {request.identity, {up}, {up}}), "the whole matrix of one whose diagonal was measured");
  CHECK(!read_moments_file(temp / "nothing", request));
  std::ofstream(path) << "not a file of tensors";
  CHECK(!read_moments_file(path, request), "a damaged file is measured again");
}

TEST("a given text is read in sequences, up to where it ends") {
  const test::TempDir temp;
  NullReporter quiet;
  MomentsOptions options{.length = 8, .text_ids_file = temp / "ids.json"};
  const auto model = Model::load(demo(), {.context_length = 8}, quiet);
  const auto lengths = [&](int count) {
    std::ofstream file(options.text_ids_file);
    for (int i = 0; i < count; ++i) file << (i == 0 ? "[" : ",") << i + 1;
    file << (count == 0 ? "[]" : "]");
    file.close();
    std::vector<size_t> found;
    for (const auto& sequence : calibration_text(*model, options, quiet)) found.push_back(sequence.size());
    return found;
  };
  CHECK(lengths(20) == std::vector<size_t>({8, 8}));
  const std::string identity = text_identity(options);
  CHECK(lengths(5) == std::vector<size_t>({5}));
  CHECK(text_identity(options) != identity);
  CHECK_THROWS_CODE(lengths(1), bad_input);
  CHECK_THROWS_CODE(lengths(0), bad_input);
}

}  // namespace hqq
