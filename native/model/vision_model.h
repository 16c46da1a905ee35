// A loaded model that sees: its towers and, for a language model, the projector. Works on pixel values and token ids only:
// pictures are decoded and texts tokenized outside the engine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/vision_config.h"

namespace hqq {

/// Pixel values [count][channels][height][width] after resizing and normalising, float32.
struct Pixels {
  const float* values = nullptr;
  int64_t count = 0, channels = 0, height = 0, width = 0;

  int64_t per_picture() const { return channels * height * width; }
  const float* picture(int64_t i) const { return values + i * per_picture(); }
};

struct VisionInfo {
  VisionConfig config;
  std::vector<LayerInfo> layers;  // every linear of the towers and the projector
  int64_t parameters = 0;
  int64_t weight_bytes = 0, mapped_bytes = 0, metadata_bytes = 0, scratch_bytes = 0;
};

/// One call at a time; any thread.
class VisionModel {
 public:
  /// The towers of a folder. Only `compute_dtype` of the options counts. Progress and errors as Model::load.
  static std::unique_ptr<VisionModel> load(const std::string& dir, const LoadOptions& options, Reporter& reporter);
  /// The same from any source of tensors.
  static std::unique_ptr<VisionModel> build(const VisionConfig& config, WeightSource& source,
                                            const LoadOptions& options, Reporter& reporter);
  ~VisionModel();

  VisionInfo info() const;
  const VisionConfig& config() const;
  /// Of embeddings; what a tower without a projection gives is as wide as the tower.
  int64_t embedding_size() const;
  /// What cosines are multiplied by before a softmax over labels: exp(logit_scale), 100 where the model has none.
  double logit_scale() const;

  /// Embeddings [count][embedding_size], not normalised. Sizes of pictures may differ from the trained one: position
  /// embeddings are stretched. Progress {"phase":"images","done":n,"total":n}. Throws {bad_input} for sizes that do not
  /// fit, {cancelled}.
  void embed_images(const Pixels& pixels, std::span<float> out, Numerics numerics, Reporter& reporter);
  /// Embeddings [texts][embedding_size] of token ids that end in the model's end token. Throws {bad_input} for ids
  /// outside the vocabulary or more than the tower has positions for, {unsupported} without a text tower.
  void embed_texts(const std::vector<std::vector<int32_t>>& texts, std::span<float> out, Numerics numerics,
                   Reporter& reporter);
  /// Final hidden states [tokens][hidden] of one picture, before pooling. Throws as embed_images().
  std::vector<float> last_hidden(const Pixels& pixels, int64_t picture, Numerics numerics, Reporter& reporter);

  /// Rows that one picture of this size gives a language model. Throws {unsupported} without a projector.
  int64_t picture_rows(int64_t height, int64_t width) const;
  /// Those rows [picture_rows][language hidden] of one picture. Throws as embed_images().
  void project(const Pixels& pixels, int64_t picture, std::span<float> out, Numerics numerics, Reporter& reporter);

 private:
  struct Impl;
  explicit VisionModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hqq
