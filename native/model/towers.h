// The towers of a model that sees, each a transformer that reads a whole sequence at once.
#pragma once

#include <memory>
#include <vector>

#include "model/transformer.h"
#include "model/vision_config.h"
#include "model/vision_model.h"

namespace hqq {

/// What the parts of a model are gathered with.
struct TowerSource {
  WeightSource& source;
  DType compute_dtype;
  Reporter& reporter;

  /// A small tensor as float32. Throws {bad_file} when it is missing or has another number of values.
  std::vector<float> values(const std::string& name, int64_t count) const;
};

class ImageTower {
 public:
  ImageTower(const ImageTowerConfig& config, const TowerSource& from);

  const ModelWeights& weights() const { return weights_; }
  int64_t scratch_bytes() const { return transformer_ ? transformer_->scratch_bytes() : 0; }
  int64_t extra_parameters() const;
  bool has_class_token() const { return !class_token_.empty(); }
  int64_t tokens(int64_t height, int64_t width) const;

  /// Hidden states [tokens][hidden] of one picture after the first `blocks` blocks, valid until the next call.
  const float* run(const Pixels& pixels, int64_t picture, int64_t blocks, const ForwardOptions& options,
                   const Reporter& reporter);
  void final_norm(const float* x, int64_t rows, float* y) const { transformer_->final_norm(x, rows, y); }
  /// The projection of the class token's state after run() over all blocks; without one, its norm.
  void embedding(const ForwardOptions& options, float* out, const Reporter& reporter);

 private:
  void check(const Pixels& pixels) const;
  /// rows_ = patches times the patch matrix, after the class token's row.
  void embed_patches(const Pixels& pixels, int64_t picture, const Reporter& reporter);
  const std::vector<float>& positions(int64_t rows, int64_t cols);

  const ImageTowerConfig config_;
  ModelWeights weights_;
  Linear patch_;  // [hidden, channels * patch * patch]
  std::vector<float> class_token_, positions_;
  Norm pre_norm_;
  std::unique_ptr<Transformer> transformer_;  // for pictures of up to so many tokens as one had
  std::vector<float> stretched_;
  int64_t stretched_rows_ = 0, stretched_cols_ = 0;
  Buffer rows_, patches_;
};

class TextTower {
 public:
  TextTower(const TextTowerConfig& config, const TowerSource& from);

  const ModelWeights& weights() const { return weights_; }
  int64_t scratch_bytes() const { return transformer_.scratch_bytes() + transformer_.kv_cache_bytes(); }
  int64_t extra_parameters() const { return static_cast<int64_t>(positions_.size()); }
  /// Throws {bad_input}.
  void check(std::span<const int32_t> ids) const;
  void embedding(std::span<const int32_t> ids, const ForwardOptions& options, float* out, const Reporter& reporter);

 private:
  const TextTowerConfig config_;
  ModelWeights weights_;
  std::vector<float> positions_;
  Transformer transformer_;
  Buffer rows_;
};

class Projector {
 public:
  Projector(const ProjectorConfig& config, const TowerSource& from);

  const ModelWeights& weights() const { return weights_; }
  int64_t scratch_bytes() const { return inner_.bytes() + activations_.bytes(); }
  /// y [rows][out] of x [rows][in].
  void run(const float* x, int64_t rows, bool eight_bit, float* y, const Reporter& reporter);

 private:
  const ProjectorConfig config_;
  ModelWeights weights_;
  ActivationScratch activations_;
  Buffer inner_;  // [kMaxBatchTokens][out]
};

}  // namespace hqq
