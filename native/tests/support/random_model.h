// A Llama of any shape with random weights, made in memory: for timing without a download.
#pragma once

#include "model/config.h"
#include "model/weight_source.h"

namespace hqq::test {

/// hidden 2048, MLP 8192, 16 layers, 32 heads, 8 key/value heads, vocabulary 32000, untied: 1.1 B parameters.
ModelConfig one_billion_llama();
/// SmolLM2-135M's: hidden 576, MLP 1536, 30 layers, 9 heads, 3 key/value heads, vocabulary 49152, tied.
ModelConfig small_llama();

/// Quantized linears with random integers and float16 metadata; float16 embedding, head and norms.
class RandomSource final : public WeightSource {
 public:
  RandomSource(const ModelConfig& config, const QuantConfig& quant) : config_(config), quant_(quant) {}
  bool contains(const std::string&) const override { return true; }
  StoredTensor tensor(const std::string& name) override;
  bool is_quantized(const std::string& module) const override {
    return module != "lm_head" && module != "model.embed_tokens";
  }
  QuantizedTensor quantized(const std::string& module) override;

 private:
  Shape shape_of(const std::string& module) const;
  ModelConfig config_;
  QuantConfig quant_;
  std::shared_ptr<Buffer> table_;  // the last embedding or head, shared when tied
};

}  // namespace hqq::test
