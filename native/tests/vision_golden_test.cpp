// Models that see against transformers, timm and hqq: embeddings and hidden states of pictures and texts, logits and
// continuations of a language model that is shown pictures, unquantized, with the official quantized tensors and with
// weights that this engine quantized.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "model/vision_model.h"
#include "tests/support/every_level.h"
#include "tests/support/golden.h"
#include "tests/support/memory_source.h"

using namespace hqq;
using test::compare;
using test::Difference;

namespace {

constexpr double kLogitTolerance = 1e-2, kHiddenTolerance = 1e-3, kCosine = 0.9999;

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<size_t>(view.numel()));
  to_f32(view.data, view.dtype, values.data(), view.numel());
  return values;
}

Pixels pixels_of(const std::vector<float>& values, const Shape& shape) {
  return {values.data(), shape[0], shape[1], shape[2], shape[3]};
}

std::unique_ptr<VisionModel> see(const std::string& dir, test::Quantize quantize = nullptr) {
  NullReporter reporter;
  if (!quantize) return VisionModel::load(dir, {}, reporter);
  test::OverlaySource source(dir, std::move(quantize));
  return VisionModel::build(parse_vision_config(read_json_file(dir + "/config.json"), source), source, {}, reporter);
}

std::vector<float> embed(VisionModel& model, const TensorView& golden_pixels, Numerics numerics = Numerics::exact) {
  NullReporter reporter;
  const std::vector<float> values = floats(golden_pixels);
  std::vector<float> out(static_cast<size_t>(golden_pixels.shape[0] * model.embedding_size()));
  model.embed_images(pixels_of(values, golden_pixels.shape), out, numerics, reporter);
  return out;
}

/// The lowest cosine between rows.
double cosine(const std::vector<float>& ours, const TensorView& golden) {
  const std::vector<float> theirs = floats(golden);
  CHECK_EQ(ours.size(), theirs.size());
  const auto size = static_cast<size_t>(golden.shape.back());
  double lowest = 1;
  for (size_t row = 0; row < ours.size(); row += size) {
    double dot = 0, a = 0, b = 0;
    for (size_t i = row; i < row + size; ++i) {
      dot += static_cast<double>(ours[i]) * theirs[i];
      a += static_cast<double>(ours[i]) * ours[i];
      b += static_cast<double>(theirs[i]) * theirs[i];
    }
    lowest = std::min(lowest, dot / std::sqrt(a * b));
  }
  return lowest;
}

test::Quantize official(const TensorStore& stored) {
  return [&stored](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
    if (!stored.contains(module + ".W_q")) return std::nullopt;
    return test::official_tensor(stored, module, weight.shape, 4, 64, 1);
  };
}

struct Seeing {
  std::unique_ptr<Model> model;
  std::unique_ptr<VisionModel> vision;
};

Seeing load_seeing(const std::string& dir, test::Quantize quantize = nullptr) {
  NullReporter reporter;
  if (!quantize) return {Model::load(dir, {}, reporter), see(dir)};
  test::OverlaySource source(dir, quantize);
  return {Model::build(read_model_config(dir), source, {}, reporter), see(dir, quantize)};
}

/// The ids of a prompt with its pictures in place.
std::vector<int32_t> placed(Seeing& seeing, const std::vector<int32_t>& ids, const Pixels& pixels) {
  NullReporter reporter;
  std::vector<PromptPicture> pictures;
  for (int64_t i = 0; i < pixels.count; ++i)
    pictures.push_back({.key = std::to_string(i),
                        .rows = seeing.vision->picture_rows(pixels.height, pixels.width),
                        .fill = [&, i](std::span<float> out) {
                          seeing.vision->project(pixels, i, out, Numerics::exact, reporter);
                        }});
  return seeing.model->place_pictures(ids, pictures);
}

std::string case_dir(const char* name) {
  const char* elsewhere = std::getenv("HQQ_VISION_CASES");
  return (elsewhere ? std::string(elsewhere) : std::string(HQQ_TEST_DATA) + "/vision") + "/" + name;
}

std::vector<float> embed_texts(VisionModel& model, const TensorView& ids) {
  NullReporter reporter;
  const auto rows = test::id_rows(ids);
  std::vector<float> out(rows.size() * static_cast<size_t>(model.embedding_size()));
  model.embed_texts(rows, out, Numerics::exact, reporter);
  return out;
}

/// The language model's linear layers at 4 bits, as the golden case has them.
test::Quantize quantize_language() {
  const test::Quantize all = test::quantize_linears({.nbits = 4, .group_size = 16, .axis = 1, .round_zero = true});
  return [all](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
    if (module.find("language_model") == std::string::npos || module.ends_with("lm_head")) return std::nullopt;
    return all(module, weight);
  };
}

/// Every linear layer of the towers at 4 bits.
test::Quantize quantize_towers() {
  const test::Quantize all = test::quantize_linears({.nbits = 4, .group_size = 16, .axis = 1, .round_zero = true});
  return [all](const std::string& module, const TensorView& weight) -> std::optional<QuantizedTensor> {
    if (weight.shape.size() != 2 || module.ends_with("_embedding")) return std::nullopt;
    return all(module, weight);
  };
}

constexpr const char* kSeeing[] = {"llava", "llava_list", "llava_gemma"};

}  // namespace

TEST("small CLIP: pictures, pictures of another size, texts, logits, quantized towers") {
  const std::string dir = case_dir("clip");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  test::at_every_level([&] {
    const auto model = see(dir);
    const auto images = embed(*model, golden.view("pixel_values"));
    const auto texts = embed_texts(*model, golden.view("input_ids"));
    CHECK(compare(images, golden.view("image_embeds")).max <= kHiddenTolerance);
    CHECK(compare(embed(*model, golden.view("larger_values")), golden.view("larger_embeds")).max <= kHiddenTolerance);
    // Another size in between does not disturb the first.
    CHECK(embed(*model, golden.view("pixel_values")) == images);
    CHECK(compare(texts, golden.view("text_embeds")).max <= kHiddenTolerance);
    CHECK_NEAR(std::log(model->logit_scale()), 3.5, 1e-5);
  });
  const auto quantized = see(dir, quantize_towers());
  CHECK(compare(embed(*quantized, golden.view("pixel_values")), golden.view("image_embeds_q4")).mean <= 0.02);
  CHECK(compare(embed_texts(*quantized, golden.view("input_ids")), golden.view("text_embeds_q4")).mean <= 0.02);
}

TEST("small ViT under timm's names: outputs, pictures of another shape") {
  const std::string dir = case_dir("timm");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  test::at_every_level([&] {
    const auto model = see(dir);
    CHECK(compare(embed(*model, golden.view("x")), golden.view("out")).max <= kHiddenTolerance);
    CHECK(compare(embed(*model, golden.view("larger_x")), golden.view("larger_out")).max <= kHiddenTolerance);
  });
}

TEST("small LLaVAs: two pictures in a prompt, greedy ids, a quantized language model") {
  for (const char* name : kSeeing) {
    const std::string dir = case_dir(name);
    const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
    const std::vector<float> values = floats(golden.view("pixel_values"));
    const Pixels pixels = pixels_of(values, golden.view("pixel_values").shape);
    const auto ids = test::id_rows(golden.view("input_ids")).front();
    const float margin = *static_cast<const float*>(golden.view("greedy_margin").data);
    test::at_every_level([&] {
      Seeing seeing = load_seeing(dir);
      const auto prompt = placed(seeing, ids, pixels);
      const Difference d = compare(test::logits_of(*seeing.model, {prompt}), golden.view("logits"));
      CHECK(d.max <= kHiddenTolerance, name, " off by ", d.max);
      const auto expected = test::id_rows(golden.view("greedy")).front();
      if (margin > 1e-3f)
        CHECK(test::greedy(*seeing.model, prompt, expected.size(), 1.0, {}, Numerics::exact).new_ids == expected, name);
    });
    Seeing quantized = load_seeing(dir, quantize_language());
    const Difference d = compare(test::logits_of(*quantized.model, {placed(quantized, ids, pixels)}), golden.view("logits_q4"));
    CHECK(d.mean <= 0.03, name, " quantized: off by ", d.mean, " on average");
  }
}

TEST("a conversation keeps its pictures in the cache, and another picture is not taken for one of them") {
  const std::string dir = case_dir("llava");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const std::vector<float> values = floats(golden.view("pixel_values"));
  const Pixels pixels = pixels_of(values, golden.view("pixel_values").shape);
  Seeing seeing = load_seeing(dir);
  int64_t looked = 0;
  NullReporter reporter;
  const auto picture = [&](int64_t index) {
    return PromptPicture{.key = std::to_string(index),
                         .rows = seeing.vision->picture_rows(pixels.height, pixels.width),
                         .fill = [&, index](std::span<float> out) {
                           ++looked;
                           seeing.vision->project(pixels, index, out, Numerics::exact, reporter);
                         }};
  };
  const int64_t rows = picture(0).rows;
  std::vector<int32_t> ids = {1, 7};
  ids.insert(ids.end(), static_cast<size_t>(rows), seeing.model->info().config.picture_id);
  ids.push_back(9);
  const auto ask = [&](std::vector<int32_t> more, int64_t index) {
    std::vector<int32_t> all = ids;
    all.insert(all.end(), more.begin(), more.end());
    const std::vector<PromptPicture> pictures = {picture(index)};
    return test::greedy(*seeing.model, seeing.model->place_pictures(all, pictures), 4, 1.0, {}, Numerics::exact);
  };
  const auto first = ask({}, 0);
  CHECK_EQ(first.reused_tokens, 0);
  const auto next = ask({13, 21}, 0);
  CHECK_EQ(looked, 1);
  CHECK(next.reused_tokens >= rows + 3, "reused ", next.reused_tokens);
  const auto other = ask({}, 1);
  CHECK_EQ(looked, 2);
  CHECK_EQ(other.reused_tokens, 2);
  CHECK(ask({}, 0).new_ids == first.new_ids);
  CHECK_EQ(looked, 2);
}

TEST("pictures that do not fit a prompt or a model are refused") {
  Seeing seeing = load_seeing(case_dir("llava"));
  NullReporter reporter;
  const std::vector<float> values(3 * 32 * 32);
  const Pixels pixels{values.data(), 1, 3, 32, 32}, gray{values.data(), 1, 1, 32, 32}, tiny{values.data(), 1, 3, 4, 4};
  CHECK_THROWS_CODE(placed(seeing, {1, 7, 9}, pixels), bad_input);
  CHECK_THROWS_CODE(test::greedy(*seeing.model, {1, -1, 9}, 2), bad_input);
  const auto model = see(case_dir("clip"));
  std::vector<float> out(static_cast<size_t>(model->embedding_size()));
  CHECK_THROWS_CODE(model->embed_images(gray, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->embed_images(tiny, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->embed_texts({{1, 64}}, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->embed_texts({std::vector<int32_t>(17, 1)}, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->picture_rows(32, 32), unsupported);
  CHECK_THROWS_CODE(see(case_dir("timm"))->embed_texts({{1}}, out, Numerics::exact, reporter), unsupported);
}

TEST("CLIP of transformers: hidden states and embeddings of pictures") {
  const std::string dir = test::shared_data("fixtures/models/clip_vit_hf");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors"),
                    stored = TensorStore::open(dir + "/quant_q4_g64_a1.safetensors");
  const TensorView pixels = golden.view("pixel_values");
  test::at_every_level([&] {
    const auto model = see(dir);
    const std::vector<float> made = embed(*model, pixels);
    CHECK(cosine(made, golden.view("image_embeds_fp32")) >= kCosine);
    CHECK(compare(made, golden.view("image_embeds_fp32")).max <= kHiddenTolerance);
  });
  const auto quantized = see(dir, official(stored));
  CHECK(compare(embed(*quantized, pixels), golden.view("image_embeds_q4_g64_a1")).max <= kHiddenTolerance);
}

TEST("ViT of timm: features and outputs") {
  const std::string dir = test::shared_data("fixtures/models/vit_clip_timm");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors"),
                    stored = TensorStore::open(dir + "/quant_q4_g64_a1.safetensors");
  const TensorView pixels = golden.view("x");
  test::at_every_level([&] {
    const auto model = see(dir);
    const std::vector<float> made = embed(*model, pixels);
    CHECK(cosine(made, golden.view("out_fp32")) >= kCosine);
    CHECK(compare(made, golden.view("out_fp32")).max <= kHiddenTolerance);
  });
  const auto quantized = see(dir, official(stored));
  CHECK(compare(embed(*quantized, pixels), golden.view("out_q4_g64_a1")).max <= kHiddenTolerance);
}

TEST("LLaVA of transformers: logits of a prompt with a picture") {
  const std::string dir = test::shared_data("fixtures/models/llava");
  const TensorStore golden = TensorStore::open(dir + "/golden.safetensors");
  const std::vector<float> values = floats(golden.view("pixel_values"));
  const Pixels pixels = pixels_of(values, golden.view("pixel_values").shape);
  const auto ids = test::id_rows(golden.view("input_ids")).front();
  test::at_every_level([&] {
    Seeing seeing = load_seeing(dir);
    const Difference d = compare(test::logits_of(*seeing.model, {placed(seeing, ids, pixels)}), golden.view("logits_fp32"));
    CHECK(d.max <= kLogitTolerance, "off by ", d.max);
  });
}
