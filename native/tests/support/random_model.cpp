#include "tests/support/random_model.h"

#include <cstring>

#include "model/sampler.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"

namespace hqq::test {
namespace {

void fill_random(void* to, int64_t bytes, uint64_t seed) {
  Random random(seed);
  for (int64_t i = 0; i < bytes; i += 8) {
    const uint64_t word = random.next();
    std::memcpy(static_cast<char*>(to) + i, &word, static_cast<size_t>(std::min<int64_t>(8, bytes - i)));
  }
}

MetaTensor constant_meta(const Shape& shape, float value) {
  MetaTensor meta;
  meta.shape = shape;
  meta.dtype = DType::f16;
  meta.values = Buffer(numel(shape) * 2, MemoryUse::scratch);
  for (uint16_t& half : meta.values.span<uint16_t>()) half = f32_to_f16(value);
  return meta;
}

}  // namespace

ModelConfig one_billion_llama() {
  return parse_model_config(parse_json(R"({"architectures":["LlamaForCausalLM"],"vocab_size":32000,"hidden_size":2048,
    "intermediate_size":8192,"num_hidden_layers":16,"num_attention_heads":32,"num_key_value_heads":8,
    "max_position_embeddings":4096})"));
}

ModelConfig small_llama() {
  return parse_model_config(parse_json(R"({"architectures":["LlamaForCausalLM"],"vocab_size":49152,"hidden_size":576,
    "intermediate_size":1536,"num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,
    "max_position_embeddings":8192,"tie_word_embeddings":true})"));
}

Shape RandomSource::shape_of(const std::string& module) const {
  const int64_t hidden = config_.hidden_size, kv = config_.num_kv_heads * config_.head_dim;
  if (module.ends_with("k_proj") || module.ends_with("v_proj")) return {kv, hidden};
  if (module.ends_with("gate_proj") || module.ends_with("up_proj")) return {config_.intermediate_size, hidden};
  if (module.ends_with("down_proj")) return {hidden, config_.intermediate_size};
  return {hidden, hidden};
}

StoredTensor RandomSource::tensor(const std::string& name) {
  const bool table = name == "model.embed_tokens.weight" || name == "lm_head.weight";
  const Shape shape = table ? Shape{config_.vocab_size, config_.hidden_size} : Shape{config_.hidden_size};
  if (table && config_.tie_word_embeddings && table_) return {{table_->data(), DType::f16, shape}, table_, false};
  auto values = std::make_shared<Buffer>(numel(shape) * 2, MemoryUse::weights);
  if (table) {
    table_ = values;
    fill_random(values->data(), values->bytes(), 1);
    // Exponent bits of numbers between 1/64 and 1/32: a plausible size, and never an infinity.
    for (uint16_t& half : values->span<uint16_t>()) half = static_cast<uint16_t>((half & 0x83ff) | 0x2400);
  } else {
    for (uint16_t& half : values->span<uint16_t>()) half = f32_to_f16(1.0f);
  }
  return {{values->data(), DType::f16, shape}, values, false};
}

QuantizedTensor RandomSource::quantized(const std::string& module) {
  QuantizedTensor t;
  t.config = quant_;
  t.shape = shape_of(module);
  const Grouping grouping = resolve_grouping(quant_, t.shape);
  t.rows = grouping.rows;
  t.cols = grouping.cols;
  t.packing = packing_for(quant_.nbits, PackFormat::dense);
  t.packed_shape = packed_shape(t.packing, t.rows, t.cols);
  t.packed = Buffer(packed_bytes(t.packing, t.rows, t.cols), MemoryUse::scratch);
  fill_random(t.packed.data(), t.packed.bytes(), 2);
  t.scale = constant_meta(meta_shape(grouping), 0.005f);
  t.zero = constant_meta(meta_shape(grouping), static_cast<float>((1 << quant_.nbits) - 1) / 2.0f);
  return t;
}

}  // namespace hqq::test
