// Models written as GGUF: the blocks against the matrices they were made of, and whole files read again.
#include "engine/export_gguf.h"

#include <cmath>
#include <cstring>

#include "engine/quantize_model.h"
#include "io/gguf_encode.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"
#include "tests/support/random_values.h"

namespace hqq {
namespace {

using test::TempDir;

std::string family(const char* name) { return std::string(HQQ_TEST_DATA) + "/families/" + name; }
std::string demo() { return HQQ_REPO "/resources/demo-model"; }

QuantizedTensor quantized(const QuantConfig& config, const Shape& shape = {16, 128}) {
  const auto weight = test::normal_values(numel(shape), 5, 0.05F);
  QuantizedTensor tensor = quantize({weight.data(), DType::f32, shape}, config, PackFormat::dense);
  return tensor;
}

std::string block_name(const QuantConfig& config) {
  const GgufBlock* block = gguf_block_for(quantized(config));
  return block ? block->name : "none";
}

ExportGgufOptions options_for(const std::string& dir, const std::string& out) {
  ExportGgufOptions options;
  options.model_dir = dir;
  options.out = out;
  options.architecture = "llama";
  options.heads = {6, 2};
  options.tied = true;
  options.metadata.add("general.architecture", "text", Json("llama"));
  options.metadata.add("llama.attention.head_count", "u32", Json(6));
  options.metadata.add("llama.attention.head_count_kv", "u32", Json(2));
  return options;
}

TEST("gguf export: blocks keep every integer, and weights up to the rounding of scale and offset") {
  for (const int nbits : {1, 2, 3, 4, 5}) {
    for (const int64_t group : {32, 64, 128}) {
      const QuantizedTensor tensor = quantized({.nbits = nbits, .group_size = group});
      const GgufBlock* block = gguf_block_for(tensor);
      CHECK(block != nullptr);
      CHECK_EQ(std::string(block->name), nbits == 5 ? "Q5_1" : "Q4_1");
      const int64_t runs = tensor.rows * tensor.cols / 32;
      std::vector<std::byte> bytes(static_cast<size_t>(runs * block->bytes));
      const GgufRounding rounding = encode_gguf(tensor, *block, bytes.data());
      std::vector<uint8_t> q(static_cast<size_t>(tensor.rows * tensor.cols)), read(32);
      unpack(tensor, q.data());
      for (int64_t run = 0; run < runs; ++run) {
        float scale, zero;
        decode_gguf_block(*block, bytes.data() + run * block->bytes, read.data(), &scale, &zero);
        CHECK(std::memcmp(read.data(), q.data() + run * 32, 32) == 0, nbits, " bits, run ", run);
      }
      CHECK(rounding.largest_difference > 0);
      // Scale and offset each have 11 bits.
      CHECK(rounding.largest_difference < rounding.largest_weight / 512, rounding.largest_difference);
    }
  }
}

TEST("gguf export: which type a matrix gets") {
  CHECK_EQ(block_name({.nbits = 4, .group_size = 32}), "Q4_1");
  CHECK_EQ(block_name({.nbits = 3, .group_size = 64}), "Q4_1");
  CHECK_EQ(block_name({.nbits = 4, .group_size = 16}), "none");
  CHECK_EQ(block_name({.nbits = 4, .group_size = 16, .axis = 0}), "none");
  CHECK_EQ(block_name({.nbits = 6, .group_size = 32}), "none");
  CHECK_EQ(block_name({.nbits = 8, .group_size = 32}), "none");
}

TEST("gguf export: 8 bits with whole zeros in reach are Q8_0, exactly but for the scale") {
  QuantizedTensor tensor = quantized({.nbits = 8, .group_size = 32});
  for (float& zero : tensor.zero.values.span<float>()) zero = 128;
  for (float& scale : tensor.scale.values.span<float>()) scale = 0.25F;
  const GgufBlock* block = gguf_block_for(tensor);
  CHECK(block != nullptr);
  CHECK_EQ(std::string(block->name), "Q8_0");
  std::vector<std::byte> bytes(static_cast<size_t>(tensor.rows * tensor.cols / 32 * block->bytes));
  CHECK_EQ(encode_gguf(tensor, *block, bytes.data()).largest_difference, 0.0);
  tensor.zero.values.as<float>()[3] = 40;  // 255 - 40 is no signed byte
  uint8_t* const q = tensor.packed.as<uint8_t>();
  std::memset(q, 255, static_cast<size_t>(tensor.packed.bytes()));
  CHECK(gguf_block_for(tensor) == nullptr);
}

TEST("gguf export: a plain model read again has the same tensors, rows in their places") {
  const TempDir dir;
  NullReporter reporter;
  const ExportGgufResult made = export_gguf(options_for(demo(), dir / "demo.gguf"), reporter);
  const TensorStore before = TensorStore::open(demo()), after = TensorStore::open(dir / "demo.gguf");
  CHECK_EQ(made.dequantized_layers, 0);
  CHECK_EQ(made.file_bytes, static_cast<int64_t>(std::filesystem::file_size(dir / "demo.gguf")));
  CHECK(!std::filesystem::exists(dir / "demo.gguf.partial"));
  int64_t compared = 0;
  for (const TensorEntry& entry : after.entries()) {
    const TensorView ours = before.view(entry.name), theirs = after.view(entry.name);
    CHECK(ours.shape == theirs.shape, entry.name);
    if (ours.shape.size() == 1) {
      std::vector<float> values(static_cast<size_t>(ours.numel()));
      to_f32(ours.data, ours.dtype, values.data(), ours.numel());
      CHECK(theirs.dtype == DType::f32 && std::memcmp(values.data(), theirs.data, values.size() * 4) == 0, entry.name);
    } else {
      CHECK(ours.dtype == theirs.dtype, entry.name);
      CHECK(std::memcmp(ours.data, theirs.data, static_cast<size_t>(ours.bytes())) == 0, entry.name);
    }
    ++compared;
  }
  CHECK(compared >= 74, compared);
}

TEST("gguf export: a quantized model keeps its integers; what fits no block becomes float16") {
  const TempDir dir;
  NullReporter reporter;
  const std::string q = "model.layers.0.self_attn.q_proj", down = "model.layers.1.mlp.down_proj", up = "model.layers.2.mlp.up_proj";
  QuantizeModelOptions options;
  options.model_dir = demo();
  options.out_dir = dir / "q";
  options.choices = {{q, {.nbits = 4, .group_size = 32}, "hqq"},
                     {down, {.nbits = 5, .group_size = 64}, "hqq"},
                     {up, {.nbits = 4, .group_size = 64, .axis = 0}, "hqq"}};
  options.compute_dtype = DType::f16;
  quantize_model(options, reporter);
  const ExportGgufResult made = export_gguf(options_for(dir / "q", dir / "q.gguf"), reporter);
  CHECK_EQ(made.types.at("Q4_1"), 1);
  CHECK_EQ(made.types.at("Q5_1"), 1);
  CHECK_EQ(made.dequantized_layers, 1);
  CHECK(!made.most_rounded.empty() && made.rounding < 2e-3, made.most_rounded, " ", made.rounding);
  const TensorStore before = TensorStore::open(dir / "q"), after = TensorStore::open(dir / "q.gguf");
  CHECK_EQ(hqq_layer_names(after).size(), 2u);
  for (const std::string& module : {q, down}) {
    const QuantizedTensor ours = load_hqq_layer(before, module), theirs = load_hqq_layer(after, module);
    std::vector<uint8_t> a(static_cast<size_t>(numel(ours.shape))), b(a.size());
    unpack(ours, a.data());
    unpack(theirs, b.data());
    CHECK(a == b, module);
  }
  const QuantizedTensor layer = load_hqq_layer(before, up);
  std::vector<float> exact(static_cast<size_t>(numel(layer.shape)));
  dequantize(layer, exact.data());
  std::vector<uint16_t> half(exact.size());
  from_f32(exact.data(), DType::f16, half.data(), static_cast<int64_t>(half.size()));
  CHECK(std::memcmp(half.data(), after.view(up + ".weight").data, half.size() * 2) == 0);
}

TEST("gguf export: the type of plain matrices can be chosen, and what rounding costs is told") {
  const TempDir dir;
  NullReporter reporter;
  const TensorStore source = TensorStore::open(demo());
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  for (const auto& [dtype, type] : {std::pair{DType::f32, "F32"}, std::pair{DType::f16, "F16"}, std::pair{DType::bf16, "BF16"}}) {
    ExportGgufOptions options = options_for(demo(), dir / "m.gguf");
    options.float_type = dtype;
    const ExportGgufResult made = export_gguf(options, reporter);
    CHECK(made.types.at(type) >= 57, type);
    // The demo model is in bfloat16, whose smallest values float16 does not have.
    CHECK_EQ(made.cast_rounding > 0, dtype == DType::f16);
    CHECK(made.cast_rounding < 1e-6 && made.most_cast.empty() == (dtype != DType::f16));
    const TensorView theirs = TensorStore::open(dir / "m.gguf").outline(name);
    CHECK(theirs.dtype == dtype && theirs.shape == source.outline(name).shape);
  }
}

TEST("gguf export: what cannot be said is refused, and leaves nothing behind") {
  const TempDir dir;
  NullReporter reporter;
  CHECK_THROWS_CODE(export_gguf(options_for(family("mixtral"), dir / "m.gguf"), reporter), unsupported);
  ExportGgufOptions unknown = options_for(demo(), dir / "m.gguf");
  unknown.architecture = "mamba";
  CHECK_THROWS_CODE(export_gguf(unknown, reporter), unsupported);
  ExportGgufOptions wrong = options_for(demo(), dir / "m.gguf");
  wrong.heads = {7, 2};
  CHECK_THROWS_CODE(export_gguf(wrong, reporter), bad_file);
  CHECK_THROWS_CODE(export_gguf(options_for(demo(), dir / "absent/m.gguf"), reporter), not_found);
  CHECK(std::filesystem::is_empty(dir.str()));
  GgufMetadata metadata;
  CHECK_THROWS_CODE(metadata.add("a", "u32", Json(-1)), bad_input);
  CHECK_THROWS_CODE(metadata.add("a", "text[]", Json("x")), bad_input);
  CHECK_THROWS_CODE(metadata.add("a", "u8", Json(1)), bad_input);
}

}  // namespace
}  // namespace hqq
