// The GGUF reader against what llama.cpp's own Python package reads, and against broken files.
#include "io/gguf.h"

#include <array>
#include <cmath>
#include <fstream>

#include "core/dtype.h"
#include "io/gguf_blocks.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"
#include "tests/support/check.h"
#include "tests/support/gguf_file.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::GgufFileMaker;
using test::TempDir;

constexpr std::array<uint32_t, 10> kQuantizedTypes = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14};

GgufFile parse(const std::string& file, const GgufLimits& limits = {}) {
  return parse_gguf(std::as_bytes(std::span(file.data(), file.size())), "test.gguf", limits);
}

std::string floats(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
}

GgufFileMaker llama(uint32_t heads, uint32_t kv_heads) {
  GgufFileMaker maker;
  maker.text("general.architecture", "llama").number("llama.attention.head_count", heads);
  return maker.number("llama.attention.head_count_kv", kv_heads);
}

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

TEST("gguf: every block type gives the values that llama.cpp's package reads") {
  const TensorStore blocks = TensorStore::open(std::string(HQQ_TEST_DATA) + "/gguf/blocks.safetensors");
  for (const uint32_t type : kQuantizedTypes) {
    const GgufBlock& block = *gguf_block(type);
    const TensorView raw = blocks.view(std::string(block.name) + ".raw");
    const auto* expected = static_cast<const float*>(blocks.view(std::string(block.name) + ".values").data);
    CHECK_EQ(raw.shape[1], block.bytes);
    for (int64_t b = 0; b < raw.shape[0]; ++b) {
      std::array<uint8_t, 256> q;
      std::array<float, 16> scale, zero;
      decode_gguf_block(block, static_cast<const std::byte*>(raw.data) + b * block.bytes, q.data(), scale.data(), zero.data());
      for (int64_t i = 0; i < block.values; ++i) {
        const size_t g = static_cast<size_t>(i / block.group);
        const float value = (static_cast<float>(q[static_cast<size_t>(i)]) - zero[g]) * scale[g];
        const double wanted = expected[b * block.values + i];
        CHECK(q[static_cast<size_t>(i)] < 1 << block.nbits, block.name, " block ", b, " value ", i);
        CHECK_NEAR(value, wanted, 2e-6 * (std::abs(wanted) + std::abs(zero[g] * scale[g])));
      }
    }
  }
}

TEST("gguf: tensors come under the model's names, heads of q and k in their own order") {
  const TempDir dir;
  // Two heads of four rows; row r of the file holds the value r.
  std::vector<float> rows;
  for (int r = 0; r < 8; ++r) rows.insert(rows.end(), 3, static_cast<float>(r));
  const std::string path = dir.str() + "/model.gguf";
  write(path, llama(2, 1)
                  .tensor("blk.11.attn_q.weight", {3, 8}, 0, floats(rows))
                  .tensor("blk.11.attn_v.weight", {3, 8}, 0, floats(rows))
                  .tensor("output_norm.weight", {3}, 0, floats({1, 2, 3}))
                  .tensor("rope_freqs.weight", {3}, 0, floats({1, 2, 3}))
                  .file());
  const TensorStore store = TensorStore::open(path);
  CHECK_EQ(store.entries().size(), 3u);
  const auto* q = static_cast<const float*>(store.view("model.layers.11.self_attn.q_proj.weight").data);
  const std::array<float, 8> expected = {0, 2, 1, 3, 4, 6, 5, 7};
  for (size_t r = 0; r < 8; ++r) CHECK_EQ(q[r * 3], expected[r]);
  CHECK_EQ(static_cast<const float*>(store.view("model.layers.11.self_attn.v_proj.weight").data)[3], 1.0F);
  CHECK_EQ(static_cast<const float*>(store.view("model.norm.weight").data)[2], 3.0F);
}

TEST("gguf: norms of Gemma are stored with one added") {
  const TempDir dir;
  GgufFileMaker maker;
  maker.text("general.architecture", "gemma2").number("gemma2.attention.head_count", 1);
  write(dir.str() + "/model.gguf", maker.tensor("blk.0.post_ffw_norm.weight", {2}, 0, floats({1.5F, 0.75F})).file());
  const TensorStore store = TensorStore::open(dir.str());
  const auto* norm = static_cast<const float*>(store.view("model.layers.0.post_feedforward_layernorm.weight").data);
  CHECK_EQ(norm[0], 0.5F);
  CHECK_EQ(norm[1], -0.25F);
}

TEST("gguf: experts that lie in one tensor are matrices of their own") {
  const TempDir dir;
  std::string blocks;
  for (int row = 0; row < 4; ++row) blocks += std::string("\x00\x3C", 2) + std::string(32, static_cast<char>(row));  // scale 1
  GgufFileMaker maker;
  maker.text("general.architecture", "qwen2moe").number("qwen2moe.attention.head_count", 1);
  write(dir.str() + "/model.gguf", maker.tensor("blk.3.ffn_up_exps.weight", {32, 2, 2}, 8, blocks)
                                       .tensor("blk.3.ffn_down_exps.weight", {1, 2, 2}, 0, floats({1, 2, 3, 4}))
                                       .tensor("blk.3.ffn_gate_inp_shexp.weight", {2}, 0, floats({5, 6}))
                                       .file());
  const TensorStore store = TensorStore::open(dir.str());
  const std::string mlp = "model.layers.3.mlp.";
  for (int expert = 0; expert < 2; ++expert) {
    const QuantizedTensor up = load_hqq_layer(store, mlp + "experts." + std::to_string(expert) + ".up_proj");
    std::array<float, 64> weight;
    dequantize(up, weight.data());
    CHECK_EQ(to_string(up.shape), "[2, 32]");
    CHECK_EQ(weight[0], static_cast<float>(2 * expert));
    CHECK_EQ(weight[63], static_cast<float>(2 * expert + 1));
    CHECK(up.zero.dtype == DType::f16, "the zero of a symmetric type is a small whole number");
  }
  const TensorView down = store.view(mlp + "experts.1.down_proj.weight");
  CHECK_EQ(to_string(down.shape), "[2, 1]");
  CHECK_EQ(static_cast<const float*>(down.data)[0], 3.0F);
  CHECK_EQ(to_string(store.view(mlp + "shared_expert_gate.weight").shape), "[1, 2]");
}

TEST("gguf: a quantized matrix is an HQQ layer of the same values") {
  const TempDir dir;
  const TensorStore blocks = TensorStore::open(std::string(HQQ_TEST_DATA) + "/gguf/blocks.safetensors");
  for (const uint32_t type : kQuantizedTypes) {
    const GgufBlock& block = *gguf_block(type);
    const TensorView raw = blocks.view(std::string(block.name) + ".raw");
    const std::string data(static_cast<const char*>(raw.data), static_cast<size_t>(raw.bytes()));
    const auto columns = static_cast<uint64_t>(3 * block.values);
    const std::string path = dir.str() + "/" + block.name + ".gguf";
    write(path, llama(1, 1).tensor("blk.0.ffn_down.weight", {columns, 2}, type, data).file());
    const TensorStore store = TensorStore::open(path);
    const std::string module = "model.layers.0.mlp.down_proj";
    const HqqLayerInfo info = describe_hqq_layer(store, module);
    CHECK_EQ(info.config.nbits, block.nbits);
    CHECK_EQ(info.config.group_size, block.group);
    const QuantizedTensor layer = load_hqq_layer(store, module);
    std::vector<float> values(static_cast<size_t>(2 * columns));
    dequantize(layer, values.data());
    const auto* expected = static_cast<const float*>(blocks.view(std::string(block.name) + ".values").data);
    for (size_t i = 0; i < values.size(); ++i) CHECK_NEAR(values[i], expected[i], 2e-5 * (1 + std::abs(expected[i])));
  }
}

TEST("gguf: broken files are refused, wherever they are cut off") {
  const std::string good = llama(1, 1).text("a.text", "abc").tensor("output_norm.weight", {3}, 0, floats({1, 2, 3})).file();
  CHECK_EQ(parse(good).tensors.size(), 1u);
  for (size_t length = 0; length + 20 < good.size(); ++length) CHECK_THROWS_CODE(parse(good.substr(0, length)), bad_file);
  const auto norm = [](uint64_t offset) { return llama(1, 1).tensor_at("output_norm.weight", {3}, 0, offset, floats({1, 2, 3})).file(); };
  CHECK_THROWS_CODE(parse(norm(16)), bad_file);             // not aligned
  CHECK_THROWS_CODE(parse(norm(32)), bad_file);             // behind the end
  CHECK_THROWS_CODE(parse(norm(uint64_t{1} << 63)), bad_file);
  const std::string three = floats({1, 2, 3});
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {3}, 0, three).tensor_at("c.d", {3}, 0, 0, "").file()), bad_file);   // overlap
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {3}, 0, three).tensor("a.b", {3}, 0, three).file()), bad_file);      // twice
  CHECK_THROWS_CODE(parse(llama(1, 1).text("x", "1").text("x", "2").file()), bad_file);
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {33}, 2, std::string(40, 'x')).file()), bad_file);  // no whole blocks
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {0}, 0, "").file()), bad_file);
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {1, 1, 1, 1, 1}, 0, three).file()), bad_file);
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {uint64_t{1} << 39, uint64_t{1} << 39}, 0, three).file()), bad_file);
  CHECK_THROWS_CODE(parse(llama(1, 1).tensor("a.b", {256}, 16, std::string(66, 'x')).file()), unsupported);  // IQ2_XXS
  CHECK_THROWS_CODE(parse(llama(1, 1).header(1)), unsupported);
  CHECK_THROWS_CODE(parse(llama(1, 1).entry("x", 99, "").file()), bad_file);
  CHECK_THROWS_CODE(parse(llama(1, 1).number("general.alignment", 3).file()), bad_file);
  // Counts that would take more memory than the file can justify.
  CHECK_THROWS_CODE(parse("GGUF" + GgufFileMaker::raw(uint32_t{3}) + GgufFileMaker::raw(uint64_t{1} << 60) + GgufFileMaker::raw(uint64_t{0})), bad_file);
  const std::string endless = GgufFileMaker::raw(uint32_t{8}) + GgufFileMaker::raw(uint64_t{1} << 40);
  CHECK_THROWS_CODE(parse(llama(1, 1).entry("x", 9, endless).file()), bad_file);
  std::string nested;
  for (int i = 0; i < 50; ++i) nested += GgufFileMaker::raw(uint32_t{9}) + GgufFileMaker::raw(uint64_t{1});
  CHECK_THROWS_CODE(parse(llama(1, 1).entry("x", 9, nested).file()), bad_file);
}

TEST("gguf: unknown architectures and tensors are named") {
  const TempDir dir;
  const auto open = [&](const std::string& content) {
    write(dir.str() + "/x.gguf", content);
    return TensorStore::open(dir.str() + "/x.gguf");
  };
  GgufFileMaker rwkv;
  rwkv.text("general.architecture", "rwkv7");
  CHECK_THROWS_CODE(open(rwkv.file()), unsupported);
  CHECK_THROWS_CODE(open(GgufFileMaker().file()), bad_file);
  const std::string four = floats({1, 2, 3, 4});
  CHECK_THROWS_CODE(open(llama(1, 1).tensor("blk.0.ffn_gate_exps.weight", {2, 2}, 0, four).file()), bad_file);
  CHECK_THROWS_CODE(open(llama(1, 1).tensor("blk.0.attn_q.scale", {4}, 0, four).file()), unsupported);
  CHECK_THROWS_CODE(open(llama(1, 1).tensor("../evil.weight", {4}, 0, four).file()), unsupported);
  CHECK_THROWS_CODE(open(llama(1, 1).tensor("nodot", {4}, 0, four).file()), unsupported);
  CHECK_THROWS_CODE(open(llama(3, 1).tensor("blk.0.attn_q.weight", {2, 2}, 0, four).file()), bad_file);
  CHECK_THROWS_CODE(open(llama(0, 1).file()), bad_file);
}

}  // namespace
}  // namespace hqq
