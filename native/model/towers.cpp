#include "model/towers.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "model/position_grid.h"

namespace hqq {
namespace {

/// Far above any tower's, low enough for its scratch memory.
constexpr int64_t kMaxPatches = 16384;

ModelLayout tower_layout(const ModelConfig& config, const TowerNames& names, const std::string& prefix,
                         int64_t projection, bool bias) {
  ModelLayout layout;
  layout.final_norm = {prefix + std::string(names.blocks.final_norm), config.hidden_size};
  if (projection > 0) layout.head = {prefix + std::string(names.blocks.head), projection, config.hidden_size, bias};
  layout.blocks = block_layout(config, names.blocks, prefix);
  return layout;
}

ModelWeights image_weights(const ImageTowerConfig& config, const TowerSource& from) {
  return load_weights(
      config.blocks,
      tower_layout(config.blocks, config.names, config.prefix, config.projection, config.projection_bias),
      from.source, from.compute_dtype, from.reporter);
}

ModelWeights text_weights(const TextTowerConfig& config, const TowerSource& from) {
  ModelLayout layout = tower_layout(config.blocks, config.names, "", config.projection, false);
  layout.embedding = {std::string(config.names.blocks.embedding), config.blocks.vocab_size, config.blocks.hidden_size,
                      false};
  return load_weights(config.blocks, std::move(layout), from.source, from.compute_dtype, from.reporter);
}

ModelWeights projector_weights(const ProjectorConfig& config, const TowerSource& from) {
  // One block that is an MLP alone.
  BlockSpec block;
  block.mlp.in = {{config.prefix + "linear_1", config.out, config.in, config.bias}};
  block.mlp.down = {config.prefix + "linear_2", config.out, config.out, config.bias};
  ModelLayout layout;
  layout.blocks = {std::move(block)};
  return load_weights({}, std::move(layout), from.source, from.compute_dtype, from.reporter);
}

}  // namespace

std::vector<float> TowerSource::values(const std::string& name, int64_t count) const {
  require(source.contains(name), ErrorCode::bad_file, "the model has no tensor " + name);
  const StoredTensor stored = source.tensor(name);
  const DType dtype = stored.view.dtype;
  require(dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16, ErrorCode::unsupported,
          "tensor " + name + " has dtype " + std::string(to_string(dtype)) + "; weights must be F32, F16 or BF16");
  require(stored.view.numel() == count, ErrorCode::bad_file,
          "tensor " + name + " has shape " + to_string(stored.view.shape) + ", the config asks for " +
              std::to_string(count) + " values");
  std::vector<float> values(static_cast<size_t>(count));
  to_f32(stored.view.data, dtype, values.data(), count);
  return values;
}

ImageTower::ImageTower(const ImageTowerConfig& config, const TowerSource& from)
    : config_(config), weights_(image_weights(config, from)) {
  const int64_t hidden = config_.blocks.hidden_size, size = config_.patch_size;
  const auto name = [&](std::string_view of) { return config_.prefix + std::string(of); };
  require(config_.grid() * config_.grid() <= kMaxPatches, ErrorCode::unsupported,
          "pictures of more than " + std::to_string(kMaxPatches) + " patches are not supported");
  if (from.source.contains(name(config_.names.class_token)))
    class_token_ = from.values(name(config_.names.class_token), hidden);
  const int64_t tokens = config_.grid() * config_.grid() + (has_class_token() ? 1 : 0);
  positions_ = from.values(name(config_.names.position), tokens * hidden);

  const std::string patch = name(config_.names.patch);
  const int64_t in = config_.channels * size * size;
  const std::vector<float> weight = from.values(patch + ".weight", hidden * in);
  auto kept = std::make_shared<Buffer>(hidden * in * 4, MemoryUse::weights);
  std::copy(weight.begin(), weight.end(), kept->as<float>());
  Buffer bias;
  if (from.source.contains(patch + ".bias")) {
    const std::vector<float> values = from.values(patch + ".bias", hidden);
    bias = Buffer(hidden * 4, MemoryUse::weights);
    std::copy(values.begin(), values.end(), bias.as<float>());
  }
  const TensorView view{kept->data(), DType::f32, {hidden, in}};
  patch_ = Linear::dense(view, std::move(kept), std::move(bias));

  const std::string norm = name(config_.names.pre_norm);
  if (!from.source.contains(norm + ".weight")) return;
  for (auto [buffer, part] : {std::pair{&pre_norm_.weight, ".weight"}, std::pair{&pre_norm_.bias, ".bias"}}) {
    const std::vector<float> values = from.values(norm + part, hidden);
    *buffer = Buffer(hidden * 4, MemoryUse::weights);
    std::copy(values.begin(), values.end(), buffer->as<float>());
  }
}

int64_t ImageTower::extra_parameters() const {
  const int64_t hidden = config_.blocks.hidden_size;
  return static_cast<int64_t>(class_token_.size() + positions_.size()) + patch_.out() * patch_.in() +
         (patch_.bias() ? hidden : 0) + (pre_norm_.exists() ? 2 * hidden : 0);
}

int64_t ImageTower::tokens(int64_t height, int64_t width) const {
  return (height / config_.patch_size) * (width / config_.patch_size) + (has_class_token() ? 1 : 0);
}

void ImageTower::check(const Pixels& pixels) const {
  const int64_t rows = pixels.height / config_.patch_size, cols = pixels.width / config_.patch_size;
  require(pixels.channels == config_.channels, ErrorCode::bad_input,
          "pixel values have " + std::to_string(pixels.channels) + " channels, the model reads " +
              std::to_string(config_.channels));
  require(rows >= 1 && cols >= 1 && rows <= kMaxPatches && cols <= kMaxPatches && rows * cols <= kMaxPatches,
          ErrorCode::bad_input,
          "a picture of " + std::to_string(pixels.width) + " x " + std::to_string(pixels.height) +
              " pixels has no patches of " + std::to_string(config_.patch_size) + ", or more than " +
              std::to_string(kMaxPatches));
}

const std::vector<float>& ImageTower::positions(int64_t rows, int64_t cols) {
  const int64_t grid = config_.grid(), hidden = config_.blocks.hidden_size;
  if (rows == grid && cols == grid) return positions_;
  if (rows != stretched_rows_ || cols != stretched_cols_) {
    const int64_t class_values = has_class_token() ? hidden : 0;
    stretched_.assign(positions_.begin(), positions_.begin() + class_values);
    const std::vector<float> made = stretch_positions(positions_.data() + class_values, grid, grid, hidden, rows, cols,
                                                      config_.stretching);
    stretched_.insert(stretched_.end(), made.begin(), made.end());
    stretched_rows_ = rows;
    stretched_cols_ = cols;
  }
  return stretched_;
}

void ImageTower::embed_patches(const Pixels& pixels, int64_t picture, const Reporter& reporter) {
  const int64_t size = config_.patch_size, hidden = config_.blocks.hidden_size, in = patch_.in();
  const int64_t rows = pixels.height / size, cols = pixels.width / size, first = has_class_token() ? 1 : 0;
  const float* values = pixels.picture(picture);
  std::copy(class_token_.begin(), class_token_.end(), rows_.as<float>());
  static const ActivationScratch none(1);
  for (int64_t begin = 0; begin < rows * cols; begin += kMaxBatchTokens) {
    const int64_t count = std::min(kMaxBatchTokens, rows * cols - begin);
    parallel_for(count, 8, [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; ++p) {
        float* out = patches_.as<float>() + p * in;
        const int64_t row = (begin + p) / cols * size, col = (begin + p) % cols * size;
        for (int64_t c = 0; c < config_.channels; ++c)
          for (int64_t y = 0; y < size; ++y, out += size)
            std::copy_n(values + (c * pixels.height + row + y) * pixels.width + col, size, out);
      }
    });
    const LinearCall call{&patch_, rows_.as<float>() + (first + begin) * hidden};
    run_linear({&call, 1}, patches_.as<float>(), count, false, none, reporter);
  }
}

const float* ImageTower::run(const Pixels& pixels, int64_t picture, int64_t blocks, const ForwardOptions& options,
                             const Reporter& reporter) {
  check(pixels);
  const int64_t hidden = config_.blocks.hidden_size, count = tokens(pixels.height, pixels.width);
  if (!transformer_ || transformer_->capacity() < count) {
    transformer_ = std::make_unique<Transformer>(config_.blocks, weights_, count, count);
    rows_ = Buffer(count * hidden * 4, MemoryUse::scratch);
    patches_ = Buffer(kMaxBatchTokens * patch_.in() * 4, MemoryUse::scratch);
  }
  embed_patches(pixels, picture, reporter);
  const std::vector<float>& at = positions(pixels.height / config_.patch_size, pixels.width / config_.patch_size);
  const auto eps = static_cast<float>(config_.blocks.norm_eps);
  parallel_for(count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* row = rows_.as<float>() + t * hidden;
      kernels().add(row, at.data() + t * hidden, hidden);
      if (pre_norm_.exists())
        kernels().layer_norm(row, pre_norm_.weight.as<float>(), pre_norm_.bias.as<float>(), eps, hidden, row);
    }
  });
  transformer_->encode(rows_.as<float>(), count, blocks, options, reporter);
  return transformer_->hidden();
}

void ImageTower::embedding(const ForwardOptions& options, float* out, const Reporter& reporter) {
  require(has_class_token(), ErrorCode::unsupported,
          "this vision tower has no class token, so there is no embedding of a whole picture");
  if (config_.projection > 0) transformer_->logits(0, 1, options.eight_bit, out, reporter);
  else transformer_->final_norm(transformer_->hidden(), 1, out);
}

TextTower::TextTower(const TextTowerConfig& config, const TowerSource& from)
    : config_(config),
      weights_(text_weights(config, from)),
      positions_(from.values(std::string(config.names.position),
                             config.blocks.max_position * config.blocks.hidden_size)),
      transformer_(config_.blocks, weights_, config.blocks.max_position, config.blocks.max_position),
      rows_(config.blocks.max_position * config.blocks.hidden_size * 4, MemoryUse::scratch) {}

void TextTower::check(std::span<const int32_t> ids) const {
  require(!ids.empty(), ErrorCode::bad_input, "a text has no tokens");
  require(static_cast<int64_t>(ids.size()) <= config_.blocks.max_position, ErrorCode::bad_input,
          "a text has " + std::to_string(ids.size()) + " tokens, the model reads " +
              std::to_string(config_.blocks.max_position));
  for (const int32_t id : ids)
    require(id >= 0 && id < config_.blocks.vocab_size, ErrorCode::bad_input,
            "token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                std::to_string(config_.blocks.vocab_size));
}

void TextTower::embedding(std::span<const int32_t> ids, const ForwardOptions& options, float* out,
                          const Reporter& reporter) {
  const int64_t hidden = config_.blocks.hidden_size, tokens = static_cast<int64_t>(ids.size());
  for (int64_t t = 0; t < tokens; ++t) {
    float* row = rows_.as<float>() + t * hidden;
    weights_.embedding.read_row(ids[static_cast<size_t>(t)], row);
    kernels().add(row, positions_.data() + t * hidden, hidden);
  }
  const auto highest = std::max_element(ids.begin(), ids.end());
  const auto end = config_.eos_id == 2 ? highest : std::find(ids.begin(), ids.end(), config_.eos_id);
  // As argmax over the comparison gives it: a text without the end token is read at its first.
  const int64_t last = end == ids.end() ? 0 : end - ids.begin();
  transformer_.encode(rows_.as<float>(), tokens, config_.blocks.num_layers, options, reporter);
  transformer_.logits(last, 1, options.eight_bit, out, reporter);
}

Projector::Projector(const ProjectorConfig& config, const TowerSource& from)
    : config_(config),
      weights_(projector_weights(config, from)),
      activations_(std::max(config.in, config.out)),
      inner_(kMaxBatchTokens * config.out * 4, MemoryUse::scratch) {}

void Projector::run(const float* x, int64_t rows, bool eight_bit, float* y, const Reporter& reporter) {
  const Mlp& mlp = weights_.blocks.front().mlp;
  float* inner = inner_.as<float>();
  for (int64_t begin = 0; begin < rows; begin += kMaxBatchTokens) {
    const int64_t count = std::min(kMaxBatchTokens, rows - begin);
    const LinearCall first{&mlp.in.front(), inner}, second{&mlp.down, y + begin * config_.out};
    run_linear({&first, 1}, x + begin * config_.in, count, eight_bit, activations_, reporter);
    parallel_for(count, 4, [&](int64_t from, int64_t to) {
      for (int64_t t = from; t < to; ++t)
        kernels().activate(config_.activation, inner + t * config_.out, nullptr, config_.out, inner + t * config_.out);
    });
    run_linear({&second, 1}, inner, count, eight_bit, activations_, reporter);
  }
}

}  // namespace hqq
