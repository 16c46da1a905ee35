// HQQ layers in safetensors: what the official libraries wrote is read and written back byte for byte, our own forms
// survive the round trip, and layers whose parts contradict each other are refused.
#include "io/hqq_layer.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::TempDir;

Buffer filled(int64_t bytes, int seed, MemoryUse use) {
  Buffer buffer(bytes, use);
  for (int64_t i = 0; i < bytes; ++i) buffer.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7 + seed);
  return buffer;
}

MetaTensor float_meta(Shape shape, float start) {
  MetaTensor meta;
  meta.values = Buffer(numel(shape) * 4, MemoryUse::metadata);
  for (int64_t i = 0; i < numel(shape); ++i) meta.values.as<float>()[i] = start + static_cast<float>(i) / 8;
  meta.shape = std::move(shape);
  return meta;
}

MetaTensor byte_meta(Shape shape, Shape q_shape, Shape q_meta_shape) {
  MetaTensor meta;
  meta.quantized = true;
  meta.q = filled(numel(shape), 3, MemoryUse::metadata);
  meta.q_scale = filled(numel(q_meta_shape) * 4, 5, MemoryUse::metadata);
  meta.q_zero = filled(numel(q_meta_shape) * 4, 9, MemoryUse::metadata);
  meta.shape = std::move(shape);
  meta.q_shape = std::move(q_shape);
  meta.q_meta_shape = std::move(q_meta_shape);
  return meta;
}

/// A layer with made-up contents and consistent shapes.
QuantizedTensor layer(Shape shape, const QuantConfig& config) {
  QuantizedTensor t;
  t.config = config;
  const Grouping view = resolve_grouping(config, shape);
  t.rows = view.rows;
  t.cols = view.cols;
  t.shape = std::move(shape);
  t.packing = packing_for(config.nbits, PackFormat::dense);
  t.packed_shape = packed_shape(t.packing, t.rows, t.cols);
  t.packed = filled(packed_bytes(t.packing, t.rows, t.cols), 1, MemoryUse::weights);
  const Shape meta = meta_shape(view);
  t.scale =
      config.quant_scale ? byte_meta(meta, {128, view.groups / 128}, {1, view.groups / 128}) : float_meta(meta, 0.5f);
  t.zero = config.quant_zero ? byte_meta(meta, meta, {}) : float_meta(meta, 3.0f);
  return t;
}

bool same_bytes(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::memcmp(a.data, b.data, static_cast<size_t>(a.bytes())) == 0;
}
bool same_bytes(const Buffer& a, const Buffer& b) {
  return a.bytes() == b.bytes() &&
         (a.bytes() == 0 || std::memcmp(a.data(), b.data(), static_cast<size_t>(a.bytes())) == 0);
}

TEST("hqq layer: folders of transformers and hqq are read and written back byte for byte") {
  for (const char* name :
       {"hf_hqqconfig_fp16", "hf_hqqconfig_fp32", "hf_hqqconfig_dynamic_fp32", "hqq_save_to_safetensors"}) {
    const TensorStore store = TensorStore::open(test::shared_data(std::string("fixtures/serialization/") + name));
    const auto modules = hqq_layer_names(store);
    CHECK_EQ(modules.size(), 28u);
    for (const std::string& module : modules) {
      const QuantizedTensor tensor = load_hqq_layer(store, module);
      const HqqLayerTensors written(module, tensor, tensor.scale.dtype);
      const auto stored = std::count_if(store.entries().begin(), store.entries().end(), [&](const TensorEntry& e) {
        return e.name.starts_with(module + ".") && e.name != module + ".bias";
      });
      CHECK_EQ(static_cast<int64_t>(written.tensors().size()), static_cast<int64_t>(stored));
      for (const TensorToWrite& t : written.tensors()) CHECK(same_bytes(t.view, store.view(t.name)), name, " ", t.name);
    }
  }
}

TEST("hqq layer: every width, axis and kind of metadata survives the round trip") {
  const TempDir dir;
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1}) {
    for (const int axis : {0, 1}) {
      for (const int meta : {0, 1, 2, 3, 4}) {
        QuantConfig config{.nbits = nbits, .group_size = 16, .axis = axis};
        config.quant_zero = meta == 1 || meta == 3;
        config.quant_scale = meta == 2 || meta == 3;
        config.channel_wise = meta != 4;
        const QuantizedTensor before = layer({64, 96}, config);
        const HqqLayerTensors written("block.q_proj", before, DType::f32);
        const auto specs = hqq_layer_specs("block.q_proj", before.shape, config, DType::f32);
        CHECK_EQ(specs.size(), written.tensors().size());
        write_safetensors(dir / "model.safetensors", written.tensors());
        const TensorStore store = TensorStore::open(dir.str());
        CHECK_EQ(hqq_layer_names(store).size(), 1u);
        const QuantizedTensor after = load_hqq_layer(store, "block.q_proj");
        CHECK_EQ(after.config.nbits, nbits);
        CHECK_EQ(after.config.axis, axis);
        CHECK(after.shape == before.shape && after.rows == before.rows && after.cols == before.cols);
        CHECK(after.packing == before.packing && after.packed_shape == before.packed_shape &&
              same_bytes(after.packed, before.packed));
        for (const auto part : {&QuantizedTensor::scale, &QuantizedTensor::zero}) {
          CHECK((after.*part).shape == (before.*part).shape && (after.*part).quantized == (before.*part).quantized);
          CHECK(same_bytes((after.*part).values, (before.*part).values) &&
                same_bytes((after.*part).q, (before.*part).q));
          CHECK(same_bytes((after.*part).q_scale, (before.*part).q_scale) &&
                same_bytes((after.*part).q_zero, (before.*part).q_zero));
        }
      }
    }
  }
}

TEST("hqq layer: a float view of W_q is read as the integers it holds") {
  const TempDir dir;
  const QuantizedTensor before = layer({32, 64}, {.nbits = 4, .group_size = 64});
  const HqqLayerTensors written("m", before, DType::f32);
  auto tensors = written.tensors();
  const uint8_t yes = 1;
  for (TensorToWrite& t : tensors) {
    if (t.name == "m.W_q") t.view = {t.view.data, DType::f16, {t.view.shape[0], t.view.shape[1] / 2}};
    if (t.name == "m.view_as_float") t.view.data = &yes;
  }
  write_safetensors(dir / "model.safetensors", tensors);
  const QuantizedTensor after = load_hqq_layer(TensorStore::open(dir.str()), "m");
  CHECK(same_bytes(after.packed, before.packed));
  CHECK(after.packed_shape == before.packed_shape);
}

TEST("hqq layer: parts that contradict each other are refused") {
  const TempDir dir;
  const QuantizedTensor good = layer({32, 64}, {.nbits = 4, .group_size = 64});
  const HqqLayerTensors written("m", good, DType::f32);
  const auto with = [&](const std::string& key, const TensorView& view) {
    auto tensors = written.tensors();
    std::erase_if(tensors, [&](const TensorToWrite& t) { return t.name == "m." + key; });
    if (view.data) tensors.push_back({"m." + key, view});
    write_safetensors(dir / "model.safetensors", tensors);
    return load_hqq_layer(TensorStore::open(dir.str()), "m");
  };
  const auto number = [&](const std::string& key, int32_t value) { return with(key, {&value, DType::i32, {}}); };
  const auto shape = [&](int64_t out, int64_t in) {
    const int64_t extents[] = {out, in};
    return with("shape", {extents, DType::i64, {2}});
  };
  const auto text = [&](const std::string& key, std::string_view value) {
    return with(key, {value.data(), DType::u8, {static_cast<int64_t>(value.size())}});
  };
  CHECK_EQ(number("nbits", 4).config.nbits, 4);
  for (const int nbits : {-1, 0, 2, 3, 5, 7, 8, 9, 1 << 30}) CHECK_THROWS_CODE(number("nbits", nbits), bad_file);
  for (const int group : {-64, 0, 7, 32, 128, 1 << 30}) CHECK_THROWS_CODE(number("group_size", group), bad_file);
  for (const int axis : {-1, 0, 2}) CHECK_THROWS_CODE(number("axis", axis), bad_file);
  CHECK_THROWS_CODE(shape(0, 64), bad_file);
  CHECK_THROWS_CODE(shape(-32, -64), bad_file);
  CHECK_THROWS_CODE(shape(64, 64), bad_file);
  CHECK_THROWS_CODE(shape(INT64_MAX, INT64_MAX), bad_file);
  CHECK_THROWS_CODE(shape(int64_t{1} << 40, 2), bad_file);
  CHECK_THROWS_CODE(text("packing", "2bit_u8"), bad_file);
  CHECK_THROWS_CODE(text("packing", "4bit_dense"), bad_file);
  CHECK_THROWS_CODE(text("packing", ""), bad_file);
  CHECK_THROWS_CODE(with("scale", {good.packed.data(), DType::f16, {31, 1}}), bad_file);
  CHECK_THROWS_CODE(with("zero", {good.packed.data(), DType::u8, {32, 1}}), bad_file);
  CHECK_THROWS_CODE(with("W_q", {good.packed.data(), DType::u8, {15, 64}}), bad_file);
  CHECK_THROWS_CODE(with("W_q", {good.packed.data(), DType::f16, {16, 32}}), bad_file);
  CHECK_THROWS_CODE(with("scale", {}), not_found);
  CHECK_THROWS_CODE(with("W_q", {}), not_found);
  CHECK_THROWS_CODE(with("packing", {}), not_found);
  const float fractional = 1.58f;
  CHECK_THROWS_CODE(with("nbits", {&fractional, DType::f32, {}}), unsupported);
  const uint8_t yes = 1, odd = 2;
  CHECK_THROWS_CODE(with("offload_meta", {&yes, DType::u8, {}}), unsupported);
  CHECK_THROWS_CODE(with("view_as_float", {&yes, DType::u8, {}}), bad_file);
  CHECK_THROWS_CODE(with("quant_zero", {&odd, DType::u8, {}}), bad_file);
  CHECK_THROWS_CODE(with("quant_zero", {&yes, DType::u8, {}}), not_found);
  for (const char* key :
       {"channel_wise", "optimize", "round_zero", "view_as_float", "quant_scale", "quant_zero", "offload_meta",
        "encoded_state_dict", "stores_quant_config", "compute_dtype", "unpack_view_dtype"}) {
    CHECK_EQ(with(key, {}).rows, 32);
  }
}

TEST("hqq layer: a scale that cannot be quantized in groups of 128 is refused before the work") {
  const QuantConfig config{.nbits = 4, .group_size = 64, .quant_scale = true};
  CHECK_THROWS_CODE(hqq_layer_specs("m", {16, 64}, config, DType::f16), bad_input);
}

}  // namespace
}  // namespace hqq
