#include "model/config.h"
#include "tests/support/check.h"

using namespace hqq;

namespace {

/// A valid config with fields replaced or added.
Json config_with(const std::string& fields = "{}") {
  Json json =
      parse_json(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":128,"hidden_size":64,
    "intermediate_size":112,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"hidden_act":"silu",
    "max_position_embeddings":2048,"rms_norm_eps":1e-6})");
  const Json extra = parse_json(fields);
  for (const auto& [key, value] : extra.as_object()) json.set(key, value);
  return json;
}

ModelConfig parse(const std::string& fields = "{}") { return parse_model_config(config_with(fields)); }

}  // namespace

TEST("defaults of what a config may leave out") {
  const ModelConfig c = parse();
  CHECK_EQ(c.head_dim, 16);
  CHECK_EQ(c.num_kv_heads, 2);
  CHECK_EQ(c.rope.theta, 10000.0);
  CHECK_EQ(c.rope.rotary_dim, 16);
  CHECK(c.rope.scaling == RopeScaling::none);
  CHECK(!c.tie_word_embeddings && !c.qkv_bias && !c.o_bias && !c.mlp_bias);
}

TEST("rope scaling in both layouts") {
  const ModelConfig old_style =
      parse(R"({"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,
    "high_freq_factor":4.0,"original_max_position_embeddings":8192}})");
  const ModelConfig new_style =
      parse(R"({"rope_parameters":{"rope_theta":500000.0,"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,
    "high_freq_factor":4.0,"original_max_position_embeddings":8192}})");
  for (const ModelConfig& c : {old_style, new_style}) {
    CHECK(c.rope.scaling == RopeScaling::llama3);
    CHECK_EQ(c.rope.theta, 500000.0);
    CHECK_EQ(c.rope.factor, 32.0);
    CHECK_EQ(c.rope.original_max_position, 8192);
  }
  CHECK(parse(R"({"rope_scaling":{"type":"linear","factor":2.0}})").rope.scaling == RopeScaling::linear);
  CHECK(parse(R"({"rope_scaling":{"type":"dynamic","factor":2}})").rope.scaling == RopeScaling::dynamic);
  CHECK(parse(R"({"rope_scaling":null})").rope.scaling == RopeScaling::none);
  CHECK(parse(R"({"rope_parameters":{"rope_type":"default","rope_theta":1e6}})").rope.theta == 1e6);
  CHECK_EQ(parse(R"({"partial_rotary_factor":0.5})").rope.rotary_dim, 8);
}

TEST("eos ids: one, several, none") {
  CHECK(parse(R"({"eos_token_id":2})").eos_ids == std::vector<int32_t>{2});
  CHECK(parse(R"({"eos_token_id":[2,6]})").eos_ids == (std::vector<int32_t>{2, 6}));
  CHECK(parse(R"({"eos_token_id":null})").eos_ids.empty());
}

TEST("what is not supported is named") {
  const auto message = [](const std::string& fields) -> std::string {
    try {
      parse(fields);
    } catch (const EngineError& e) {
      CHECK(e.code() == ErrorCode::unsupported, e.what());
      return e.what();
    }
    return "";
  };
  const std::string architecture = message(R"({"architectures":["FalconForCausalLM"]})");
  CHECK(architecture.find("FalconForCausalLM") != std::string::npos &&
        architecture.find("LlamaForCausalLM") != std::string::npos);
  CHECK(message(R"({"hidden_act":"mish"})").find("mish") != std::string::npos);
  CHECK(message(R"({"rope_scaling":{"rope_type":"ntk","factor":2.0}})").find("ntk") != std::string::npos);
}

TEST("absurd and malformed values are refused") {
  for (const char* fields : {R"({"architectures":[]})",
                             R"({"architectures":"LlamaForCausalLM"})",
                             R"({"vocab_size":0})",
                             R"({"vocab_size":-5})",
                             R"({"vocab_size":1e300})",
                             R"({"hidden_size":4611686018427387904})",
                             R"({"hidden_size":"64"})",
                             R"({"num_hidden_layers":1000000})",
                             R"({"num_attention_heads":3})",
                             R"({"num_attention_heads":6,"hidden_size":60,"num_key_value_heads":4})",
                             R"({"head_dim":100000})",
                             R"({"rms_norm_eps":-1})",
                             R"({"rms_norm_eps":0})",
                             R"({"rope_theta":0})",
                             R"({"rope_scaling":{"type":"linear","factor":-2}})",
                             R"({"rope_scaling":[1]})",
                             R"({"partial_rotary_factor":2.0})",
                             R"({"partial_rotary_factor":0.05})",
                             R"({"tie_word_embeddings":1})",
                             R"({"max_position_embeddings":0})"})
    CHECK_THROWS_CODE(parse(fields), bad_file);
  CHECK_THROWS_CODE(parse_model_config(Json(1)), bad_file);
  CHECK_THROWS_CODE(parse_model_config(parse_json("{}")), bad_file);
}

TEST("families: switches and the defaults of fields that a config leaves out") {
  const auto family = [](const std::string& architecture, const std::string& more = "") {
    return parse(R"({"architectures":[")" + architecture + R"("],"num_hidden_layers":8)" + more + "}");
  };
  const ModelConfig mistral = family("MistralForCausalLM");
  CHECK_EQ(mistral.layers.back().window, 4096);
  CHECK_EQ(family("MistralForCausalLM", R"(,"sliding_window":null)").layers.back().window, 0);
  const ModelConfig qwen = family("Qwen2ForCausalLM", R"(,"use_sliding_window":true,"max_window_layers":6)");
  CHECK(qwen.qkv_bias && !qwen.o_bias);
  CHECK(qwen.layers[5].window == 0 && qwen.layers[6].window == 4096);
  CHECK_EQ(family("Qwen2ForCausalLM").layers[7].window, 0);
  const ModelConfig gemma = family("Gemma2ForCausalLM", R"(,"final_logit_softcapping":null)");
  CHECK(gemma.tie_word_embeddings && gemma.norm_offset);
  CHECK(gemma.head_dim == 256 && gemma.attention_softcap == 50.0 && gemma.logit_softcap == 0.0);
  CHECK(gemma.layers[0].window == 4096 && gemma.layers[1].window == 0);
  CHECK_NEAR(gemma.attention_scale, 1.0 / 16, 1e-12);
  const ModelConfig gemma3 = family("Gemma3ForCausalLM", R"(,"sliding_window_pattern":3)");
  CHECK(gemma3.layers[1].rope == RopeUse::local && gemma3.layers[2].rope == RopeUse::main);
  CHECK(gemma3.rope.theta == 1e6 && gemma3.local_rope.theta == 10000.0);
  const ModelConfig smol = family("SmolLM3ForCausalLM");
  CHECK(smol.layers[3].rope == RopeUse::none && smol.layers[4].rope == RopeUse::main);
  const ModelConfig moe = family("Qwen3MoeForCausalLM", R"(,"moe_intermediate_size":32,"mlp_only_layers":[2])");
  CHECK(moe.moe.num_experts == 128 && !moe.moe.normalize_weights && moe.layers[0].experts && !moe.layers[2].experts);
  const ModelConfig phi = parse_model_config(parse_json(
      R"({"architectures":["PhiForCausalLM"],"vocab_size":8,"n_embd":32,"n_layer":1,"n_head":2,"n_head_kv":null,
          "n_inner":null,"n_positions":64,"rotary_dim":8,"layer_norm_epsilon":1e-4,"activation_function":"gelu_new"})"));
  CHECK(phi.intermediate_size == 128 && phi.rope.rotary_dim == 8 && phi.norm_eps == 1e-4 && phi.parallel);
  CHECK(phi.norm == NormKind::layer && phi.activation == Activation::gelu_tanh && !phi.gated_mlp);
}

TEST("lists per layer must fit the layers") {
  const std::string gemma = R"({"architectures":["Gemma2ForCausalLM"],"layer_types":)";
  CHECK_THROWS_CODE(parse(gemma + R"(["full_attention"]})"), bad_file);
  CHECK_THROWS_CODE(parse(gemma + R"(["full_attention","chunked_attention"]})"), unsupported);
  CHECK_THROWS_CODE(parse(R"({"architectures":["SmolLM3ForCausalLM"],"no_rope_layers":[1]})"), bad_file);
  CHECK_THROWS_CODE(parse(R"({"rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[1]}})"), bad_file);
  CHECK_THROWS_CODE(parse(R"({"architectures":["MixtralForCausalLM"],"num_experts_per_tok":9})"), bad_file);
}
