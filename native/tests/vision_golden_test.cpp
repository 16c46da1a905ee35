// Models that see against transformers, timm and hqq: embeddings and hidden states of pictures and texts, logits and
// continuations of a language model that is shown pictures, unquantized, with the official quantized tensors and with
// weights that this engine quantized.
#include <cmath>
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

}  // namespace

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

namespace {

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

}  // namespace

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
