#include "io/bitsandbytes_layer.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"
#include "io/layer_parts.h"

namespace hqq {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 31;
constexpr int64_t kMaxStateBytes = 4096;
constexpr const char* kStates[] = {"nf4", "fp4"};

std::string state_key(const std::string& kind) { return "weight.quant_state.bitsandbytes__" + kind; }

/// What the JSON text beside a 4-bit weight says, checked.
struct State {
  std::string kind;
  Shape shape;
  DType dtype = DType::f16;
  int64_t block = 64;
  int64_t nested_block = 0;  // 0: absmax are floats
  float offset = 0;

  int64_t weights() const { return shape[0] * shape[1]; }
  int64_t blocks() const { return (weights() + block - 1) / block; }
};

State parse_state(const LayerParts& parts, const std::string& key, const Json& json) {
  State state;
  for (const Json& extent : json.at("shape").as_array()) state.shape.push_back(extent.as_int());
  if (state.shape.size() != 2) parts.fail(key, "has a shape that is no matrix's");
  for (const int64_t extent : state.shape)
    if (extent < 1 || extent >= kMaxExtent) parts.fail(key, "has a shape of " + std::to_string(extent));
  const std::string dtype = json.at("dtype").as_string();
  const auto known = dtype_from_torch("torch." + dtype);
  if (known != DType::f32 && known != DType::f16 && known != DType::bf16) parts.fail(key, "has dtype \"" + dtype.substr(0, 50) + "\"");
  state.dtype = *known;
  state.block = json.at("blocksize").as_int();
  if (state.block < 1 || state.block > kMaxExtent) parts.fail(key, "has blocksize " + std::to_string(state.block));
  if (!json.find("nested_blocksize")) return state;
  state.nested_block = json.at("nested_blocksize").as_int();
  if (state.nested_block < 1 || state.nested_block > kMaxExtent) parts.fail(key, "has nested_blocksize " + std::to_string(state.nested_block));
  state.offset = static_cast<float>(json.at("nested_offset").as_number());
  return state;
}

State read_state(const LayerParts& parts) {
  for (const char* kind : kStates) {
    const std::string key = state_key(kind);
    if (!parts.has(key)) continue;
    const TensorView text = parts.bytes(key);
    if (text.numel() > kMaxStateBytes) parts.fail(key, "is too long for a description");
    try {
      State state = parse_state(parts, key, parse_json({static_cast<const char*>(text.data), static_cast<size_t>(text.numel())}));
      state.kind = kind;
      return state;
    } catch (const EngineError& error) {
      if (std::string(error.what()).find(key) != std::string::npos) throw;
      parts.fail(key, std::string("cannot be used: ") + error.what());
    }
  }
  parts.fail("weight.quant_state", "is missing");
}

std::vector<float> float_values(const LayerParts& parts, const std::string& key, int64_t count) {
  const TensorView view = parts.floats(key);
  if (view.numel() != count) parts.fail(key, "has " + std::to_string(view.numel()) + " values, expected " + std::to_string(count));
  std::vector<float> values(static_cast<size_t>(count));
  to_f32(view.data, view.dtype, values.data(), count);
  return values;
}

/// Largest magnitude of each block.
Buffer read_absmax(const LayerParts& parts, const State& state) {
  const int64_t blocks = state.blocks();
  Buffer absmax(blocks * 4, MemoryUse::scratch);
  if (state.nested_block == 0) {
    const TensorView view = parts.floats("weight.absmax");
    if (view.numel() != blocks) parts.fail("weight.absmax", "has " + std::to_string(view.numel()) + " values for " + std::to_string(blocks) + " blocks");
    to_f32(view.data, view.dtype, absmax.as<float>(), blocks);
    return absmax;
  }
  const TensorView codes = parts.bytes("weight.absmax");
  if (codes.numel() != blocks) parts.fail("weight.absmax", "has " + std::to_string(codes.numel()) + " values for " + std::to_string(blocks) + " blocks");
  const std::vector<float> map = float_values(parts, "weight.nested_quant_map", 256);
  const std::vector<float> scales = float_values(parts, "weight.nested_absmax", (blocks + state.nested_block - 1) / state.nested_block);
  for (int64_t i = 0; i < blocks; ++i) {
    const float value = map[static_cast<const uint8_t*>(codes.data)[i]] * scales[static_cast<size_t>(i / state.nested_block)];
    absmax.as<float>()[i] = value + state.offset;
  }
  return absmax;
}

State checked_state(const LayerParts& parts) {
  State state = read_state(parts);
  const TensorView weight = parts.bytes("weight");
  if (weight.numel() != (state.weights() + 1) / 2)
    parts.fail("weight", "has " + std::to_string(weight.numel()) + " bytes for a weight of " + to_string(state.shape));
  return state;
}

Buffer dequantize_4bit(const LayerParts& parts) {
  const State state = checked_state(parts);
  const std::vector<float> codes = float_values(parts, "weight.quant_map", 16);
  const Buffer absmax = read_absmax(parts, state);
  const auto* packed = static_cast<const uint8_t*>(parts.bytes("weight").data);
  const int64_t out = state.shape[0], in = state.shape[1], size = size_of(state.dtype);
  Buffer weight(out * in * size, MemoryUse::weights);
  parallel_for(out, 16, [&](int64_t begin, int64_t end) {
    const Buffer row(in * 4, MemoryUse::scratch);
    for (int64_t o = begin; o < end; ++o) {
      for (int64_t i = 0, at = o * in; i < in; ++i, ++at) {
        const int code = at % 2 == 0 ? packed[at / 2] >> 4 : packed[at / 2] & 15;
        row.as<float>()[i] = codes[static_cast<size_t>(code)] * absmax.as<float>()[at / state.block];
      }
      from_f32(row.as<float>(), state.dtype, weight.data() + o * in * size, in);
    }
  });
  return weight;
}

/// 1 / 127 as bitsandbytes spells it, in its arithmetic: float32, one rounding a product.
constexpr float kInt8Step = 7.874015718698502e-3f;

Shape int8_shape(const LayerParts& parts) {
  const TensorView weight = parts.bytes("weight");
  if (weight.shape.size() != 2 || weight.numel() < 1) parts.fail("weight", "has shape " + to_string(weight.shape));
  if (parts.has("weight_format")) {
    const TensorView format = parts.bytes("weight_format");
    if (format.numel() != 1) parts.fail("weight_format", "has shape " + to_string(format.shape) + ", expected one number");
    require(*static_cast<const uint8_t*>(format.data) == 0, ErrorCode::unsupported,
            "tensor \"" + parts.module() + ".weight_format\" is not 0: of bitsandbytes' 8-bit layouts, rows are read");
  }
  if (parts.floats("SCB").numel() != weight.shape[0])
    parts.fail("SCB", "has " + std::to_string(parts.floats("SCB").numel()) + " values for " + std::to_string(weight.shape[0]) + " rows");
  return weight.shape;
}

Buffer dequantize_8bit(const LayerParts& parts) {
  const Shape shape = int8_shape(parts);
  const std::vector<float> scales = float_values(parts, "SCB", shape[0]);
  const auto* values = static_cast<const int8_t*>(parts.bytes("weight").data);
  const int64_t in = shape[1], size = size_of(DType::f16);
  Buffer weight(shape[0] * in * size, MemoryUse::weights);
  parallel_for(shape[0], 16, [&](int64_t begin, int64_t end) {
    const Buffer row(in * 4, MemoryUse::scratch);
    for (int64_t o = begin; o < end; ++o) {
      for (int64_t i = 0; i < in; ++i) {
        const float scaled = static_cast<float>(values[o * in + i]) * scales[static_cast<size_t>(o)];
        row.as<float>()[i] = scaled * kInt8Step;
      }
      from_f32(row.as<float>(), DType::f16, weight.data() + o * in * size, in);
    }
  });
  return weight;
}

bool is_8bit(const TensorStore& store, const std::string& module) {
  const TensorEntry* weight = store.find(module + ".weight");
  return weight && weight->dtype == "I8" && store.contains(module + ".SCB");
}

}  // namespace

bool is_bitsandbytes_layer(const TensorStore& store, const std::string& module) {
  if (is_8bit(store, module)) return true;
  return store.contains(module + ".weight") &&
         std::any_of(std::begin(kStates), std::end(kStates), [&](const char* kind) { return store.contains(module + "." + state_key(kind)); });
}

BitsAndBytesInfo describe_bitsandbytes_layer(const TensorStore& store, const std::string& module) {
  const LayerParts parts(store, module);
  if (is_8bit(store, module)) return {int8_shape(parts), DType::f16, "int8"};
  const State state = checked_state(parts);
  return {state.shape, state.dtype, state.kind};
}

Buffer dequantize_bitsandbytes_layer(const TensorStore& store, const std::string& module) {
  const LayerParts parts(store, module);
  return is_8bit(store, module) ? dequantize_8bit(parts) : dequantize_4bit(parts);
}

}  // namespace hqq
