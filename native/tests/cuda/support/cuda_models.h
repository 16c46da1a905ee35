// Models on the device for tests and benchmarks, without the library in between.
#pragma once

#include "cuda/tables.h"
#include "engine/cuda_executor.h"
#include "model/model.h"
#include "model/weight_source.h"

namespace hqq::test {

/// Makes LoadOptions::device "cuda" mean device 0. `limit` in bytes, 0 for none.
inline void use_device(int64_t limit = 0) {
  static const HqqCudaModelApi api = cuda::model_table();
  set_device_executor(
      [limit](const ModelConfig& config, WeightSource& source, const LoadOptions& options, Reporter& reporter) {
        return make_cuda_executor(api, 0, limit, config, source, options, reporter);
      });
}

/// A small Llama of the given shape.
inline ModelConfig tiny_llama(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t mlp, int64_t layers,
                              int64_t vocab, bool tied) {
  const auto n = [](int64_t v) { return std::to_string(v); };
  return parse_model_config(parse_json(
      R"({"architectures":["LlamaForCausalLM"],"max_position_embeddings":4096,"vocab_size":)" + n(vocab) +
      R"(,"hidden_size":)" + n(heads * head_dim) + R"(,"intermediate_size":)" + n(mlp) + R"(,"num_hidden_layers":)" +
      n(layers) + R"(,"num_attention_heads":)" + n(heads) + R"(,"num_key_value_heads":)" + n(kv_heads) +
      R"(,"tie_word_embeddings":)" + (tied ? "true" : "false") + "}"));
}

/// Llama-2-7B's shape.
inline ModelConfig seven_billion_llama() {
  return parse_model_config(parse_json(R"({"architectures":["LlamaForCausalLM"],"vocab_size":32000,"hidden_size":4096,
    "intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":32,
    "max_position_embeddings":4096})"));
}

}  // namespace hqq::test
