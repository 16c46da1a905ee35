#include "model/vision_model.h"

#include <cmath>
#include <optional>

#include "model/towers.h"

namespace hqq {
namespace {

void report(Reporter& reporter, const char* phase, int64_t done, int64_t total) {
  reporter.progress(std::string("{\"phase\":\"") + phase + "\",\"done\":" + std::to_string(done) +
                    ",\"total\":" + std::to_string(total) + "}");
}

/// CLIP's own limit, where a file does not say.
constexpr double kUsualLogitScale = 100.0;

}  // namespace

struct VisionModel::Impl {
  VisionConfig config;
  ImageTower image;
  std::optional<TextTower> text;
  std::optional<Projector> projector;
  double logit_scale = kUsualLogitScale;

  Impl(const VisionConfig& c, const TowerSource& from) : config(c), image(config.image, from) {
    if (config.text) text.emplace(*config.text, from);
    if (config.projector) projector.emplace(*config.projector, from);
    if (from.source.contains("logit_scale")) logit_scale = std::exp(from.values("logit_scale", 1).front());
  }

  int64_t embedding_size() const {
    return config.image.projection > 0 ? config.image.projection : config.image.blocks.hidden_size;
  }
};

std::unique_ptr<VisionModel> VisionModel::load(const std::string& dir, const LoadOptions& options, Reporter& reporter) {
  FolderSource source(dir);
  return build(parse_vision_config(read_json_file(dir + "/config.json"), source), source, options, reporter);
}

std::unique_ptr<VisionModel> VisionModel::build(const VisionConfig& config, WeightSource& source,
                                                const LoadOptions& options, Reporter& reporter) {
  const TowerSource from{source, options.compute_dtype, reporter};
  return std::unique_ptr<VisionModel>(new VisionModel(std::make_unique<Impl>(config, from)));
}

VisionModel::VisionModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VisionModel::~VisionModel() = default;

const VisionConfig& VisionModel::config() const { return impl_->config; }
int64_t VisionModel::embedding_size() const { return impl_->embedding_size(); }
double VisionModel::logit_scale() const { return impl_->logit_scale; }

VisionInfo VisionModel::info() const {
  VisionInfo info;
  info.config = impl_->config;
  const auto add = [&info](const ModelWeights& weights, int64_t more_parameters, int64_t scratch) {
    info.layers.insert(info.layers.end(), weights.layers.begin(), weights.layers.end());
    info.parameters += weights.parameters + more_parameters;
    info.weight_bytes += weights.resident_bytes() + more_parameters * 4;
    info.mapped_bytes += weights.mapped_bytes;
    info.metadata_bytes += weights.metadata_bytes();
    info.scratch_bytes += scratch;
  };
  add(impl_->image.weights(), impl_->image.extra_parameters(), impl_->image.scratch_bytes());
  if (impl_->text) add(impl_->text->weights(), impl_->text->extra_parameters(), impl_->text->scratch_bytes());
  if (impl_->projector) add(impl_->projector->weights(), 0, impl_->projector->scratch_bytes());
  return info;
}

void VisionModel::embed_images(const Pixels& pixels, std::span<float> out, Numerics numerics, Reporter& reporter) {
  const int64_t size = embedding_size(), blocks = impl_->config.image.blocks.num_layers;
  require(static_cast<int64_t>(out.size()) == pixels.count * size, ErrorCode::internal, "embed: wrong output size");
  const ForwardOptions options{.eight_bit = numerics == Numerics::fast};
  for (int64_t i = 0; i < pixels.count; ++i) {
    impl_->image.run(pixels, i, blocks, options, reporter);
    impl_->image.embedding(options, out.data() + i * size, reporter);
    report(reporter, "images", i + 1, pixels.count);
  }
}

void VisionModel::embed_texts(const std::vector<std::vector<int32_t>>& texts, std::span<float> out, Numerics numerics,
                              Reporter& reporter) {
  require(impl_->text.has_value(), ErrorCode::unsupported,
          "this model has no text tower, so pictures cannot be compared with texts");
  const int64_t size = embedding_size();
  require(out.size() == texts.size() * static_cast<size_t>(size), ErrorCode::internal, "embed: wrong output size");
  for (const auto& ids : texts) impl_->text->check(ids);
  const ForwardOptions options{.eight_bit = numerics == Numerics::fast};
  for (size_t i = 0; i < texts.size(); ++i) {
    impl_->text->embedding(texts[i], options, out.data() + static_cast<int64_t>(i) * size, reporter);
    report(reporter, "texts", static_cast<int64_t>(i) + 1, static_cast<int64_t>(texts.size()));
  }
}

std::vector<float> VisionModel::last_hidden(const Pixels& pixels, int64_t picture, Numerics numerics,
                                            Reporter& reporter) {
  const ForwardOptions options{.eight_bit = numerics == Numerics::fast};
  const ModelConfig& blocks = impl_->config.image.blocks;
  const float* hidden = impl_->image.run(pixels, picture, blocks.num_layers, options, reporter);
  return {hidden, hidden + impl_->image.tokens(pixels.height, pixels.width) * blocks.hidden_size};
}

int64_t VisionModel::picture_rows(int64_t height, int64_t width) const {
  require(impl_->projector.has_value(), ErrorCode::unsupported, "this model shows pictures to no language model");
  const bool dropped = impl_->image.has_class_token() && !impl_->config.projector->class_token;
  return impl_->image.tokens(height, width) - (dropped ? 1 : 0);
}

void VisionModel::project(const Pixels& pixels, int64_t picture, std::span<float> out, Numerics numerics,
                          Reporter& reporter) {
  const int64_t rows = picture_rows(pixels.height, pixels.width);
  const ProjectorConfig& config = *impl_->config.projector;
  require(static_cast<int64_t>(out.size()) == rows * config.out, ErrorCode::internal, "project: wrong output size");
  const ForwardOptions options{.eight_bit = numerics == Numerics::fast};
  const int64_t hidden = impl_->config.image.blocks.hidden_size;
  const int64_t first = impl_->image.tokens(pixels.height, pixels.width) - rows;
  Buffer features(rows * config.in * 4, MemoryUse::scratch);
  for (size_t part = 0; part < config.after_blocks.size(); ++part) {
    const float* states = impl_->image.run(pixels, picture, config.after_blocks[part], options, reporter);
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(states + (first + r) * hidden, hidden,
                  features.as<float>() + r * config.in + static_cast<int64_t>(part) * hidden);
  }
  impl_->projector->run(features.as<float>(), rows, options.eight_bit, out.data(), reporter);
}

}  // namespace hqq
