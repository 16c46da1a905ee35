#include "io/compressed_layer.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/thread_pool.h"
#include "io/bit_fields.h"
#include "io/layer_parts.h"

namespace hqq {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 31;

/// How the integers lie along one line of `count` values.
struct LineFormat {
  int nbits = 8;
  bool dense = true;  // false: whole values a word

  int64_t words(int64_t count) const {
    const int64_t per_word = 32 / nbits;
    return dense ? field_words(count, nbits) : (count + per_word - 1) / per_word;
  }
};

/// Widths that config.json gives layers; all of them without one.
std::set<int64_t> stated_widths(const Json& config) {
  std::set<int64_t> widths;
  const Json* own = compressed_config(config);
  const Json* groups = own ? own->find("config_groups") : nullptr;
  if (groups && groups->is_object()) {
    for (const auto& [name, group] : groups->as_object()) {
      const Json* weights = group.is_object() ? group.find("weights") : nullptr;
      if (weights && weights->is_object() && weights->find("num_bits")) widths.insert(weights->at("num_bits").as_int());
    }
  }
  if (widths.empty()) widths = {8, 4, 2, 3, 5, 6, 1};
  return widths;
}

LineFormat line_format(const LayerParts& parts, const TensorView& packed, const Shape& shape, const Json& config) {
  for (const int64_t nbits : stated_widths(config)) {
    if (nbits < 1 || nbits > 8) continue;
    for (const bool dense : {true, false}) {
      const LineFormat format{static_cast<int>(nbits), dense};
      if (packed.shape == Shape{shape[0], format.words(shape[1])}) return format;
    }
  }
  parts.fail("weight_packed", "has shape " + to_string(packed.shape) + ", which does not hold a weight of " + to_string(shape) +
                                  " at the widths of quantization_config.config_groups");
}

void unpack_line(const std::byte* words, int64_t stride, int64_t count, const LineFormat& format, uint8_t* out) {
  const int64_t block = format.dense ? kFieldBlock : 32 / format.nbits;
  const int64_t words_a_block = format.dense ? format.nbits : 1;
  for (int64_t first = 0; first < count; first += block, words += words_a_block * stride * 4)
    read_fields(words, stride, std::min(block, count - first), format.nbits, out + first);
}

struct Parts {
  bool packed = false;
  LineFormat format;
  TensorView weight, scale;
  AffineInfo info;
};

Shape read_shape(const LayerParts& parts) {
  const std::vector<int64_t> extents = parts.numbers("weight_shape", 2);
  if (extents.size() != 2) parts.fail("weight_shape", "is not a pair of numbers");
  for (const int64_t extent : extents)
    if (extent < 1 || extent >= kMaxExtent) parts.fail("weight_shape", "holds " + std::to_string(extent) + ", which is no extent of a matrix");
  return extents;
}

Parts read_parts(const LayerParts& parts, const Json& config) {
  Parts found;
  AffineInfo& info = found.info;
  found.packed = parts.has("weight_packed");
  require(!parts.has("weight_global_scale"), ErrorCode::unsupported,
          "layer " + parts.module() + " holds 4-bit floating-point numbers; of compressed-tensors, integers are read");
  if (found.packed) {
    found.weight = parts.integers("weight_packed", 2);
    info.shape = read_shape(parts);
    found.format = line_format(parts, found.weight, info.shape, config);
  } else {
    found.weight = parts.bytes("weight");
    if (found.weight.shape.size() != 2 || found.weight.numel() < 1) parts.fail("weight", "has shape " + to_string(found.weight.shape));
    info.shape = found.weight.shape;
  }
  info.nbits = found.format.nbits;
  found.scale = parts.floats("weight_scale");
  info.dtype = found.scale.dtype;
  const int64_t out = info.shape[0], in = info.shape[1];
  const Shape& scale = found.scale.shape;
  const bool whole = found.scale.numel() == 1, by_line = scale.size() == 1 && scale[0] == out;
  if (!whole && !by_line && (scale.size() != 2 || scale[0] != out || scale[1] < 1 || scale[1] > in))
    parts.fail("weight_scale", "has shape " + to_string(scale) + " for a weight of " + to_string(info.shape) +
                                   "; one scale for the tensor, a row or a group of a row is read");
  info.groups = whole || by_line ? 1 : scale[1];
  const std::vector<int64_t> groups = parts.has("weight_g_idx") ? parts.numbers("weight_g_idx", in) : std::vector<int64_t>{};
  // Not yet sorted by importance: -1 everywhere.
  const bool sorted = std::any_of(groups.begin(), groups.end(), [](int64_t group) { return group != -1; });
  if (sorted) set_groups(info, groups, parts.module() + ".weight_g_idx");
  else if (in % info.groups != 0)
    parts.fail("weight_scale", "has " + std::to_string(info.groups) + " groups for " + std::to_string(in) + " inputs");
  return found;
}

/// Zero points in the integers' own range, 0 to 2^nbits - 1.
void read_zeros(const LayerParts& names, const Parts& parts, AffineLayer& layer) {
  const int64_t out = layer.info.shape[0], groups = layer.info.groups;
  const int middle = 1 << (parts.format.nbits - 1);
  uint8_t* zeros = layer.zero.as<uint8_t>();
  std::memset(zeros, middle, static_cast<size_t>(out * groups));
  if (!names.has("weight_zero_point")) return;
  if (!parts.packed) {
    const TensorView points = names.bytes("weight_zero_point");
    if (points.numel() != 1 && points.numel() != out * groups)
      names.fail("weight_zero_point", "has shape " + to_string(points.shape) + " beside scales of " + to_string(parts.scale.shape));
    for (int64_t i = 0; i < out * groups; ++i)
      zeros[i] = static_cast<uint8_t>(static_cast<const uint8_t*>(points.data)[points.numel() == 1 ? 0 : i] ^ 0x80);
    return;
  }
  const TensorView points = names.integers("weight_zero_point", 2);
  if (points.shape != Shape{parts.format.words(out), groups})
    names.fail("weight_zero_point", "has shape " + to_string(points.shape) + " beside scales of " + to_string(parts.scale.shape));
  std::vector<uint8_t> line(static_cast<size_t>(out));
  for (int64_t g = 0; g < groups; ++g) {
    unpack_line(static_cast<const std::byte*>(points.data) + g * 4, groups, out, parts.format, line.data());
    for (int64_t o = 0; o < out; ++o) zeros[o * groups + g] = line[static_cast<size_t>(o)];
  }
}

}  // namespace

const Json* compressed_config(const Json& config) {
  const Json* found = config.is_object() ? &config : nullptr;
  // Nested by transformers beside `sparsity_config`, and in the first versions' `compression_config`.
  while (found && !found->find("config_groups") && found->find("quantization_config") && found->at("quantization_config").is_object())
    found = found->find("quantization_config");
  return found && found->find("config_groups") ? found : nullptr;
}

bool is_compressed_layer(const TensorStore& store, const std::string& module) {
  if (!store.contains(module + ".weight_scale")) return false;
  if (store.contains(module + ".weight_packed")) return true;
  const TensorEntry* weight = store.find(module + ".weight");
  return weight && weight->dtype == "I8";
}

AffineInfo describe_compressed_layer(const TensorStore& store, const std::string& module, const Json& config) {
  return read_parts(LayerParts(store, module), config).info;
}

AffineLayer load_compressed_layer(const TensorStore& store, const std::string& module, const Json& config) {
  const LayerParts names(store, module);
  const Parts parts = read_parts(names, config);
  AffineLayer layer(parts.info);
  const int64_t out = layer.info.shape[0], in = layer.info.shape[1];
  const auto* data = static_cast<const std::byte*>(parts.weight.data);
  const int64_t line_words = parts.packed ? parts.weight.shape[1] : 0;
  parallel_for(out, 16, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      uint8_t* q = layer.q.as<uint8_t>() + o * in;
      if (parts.packed) unpack_line(data + o * line_words * 4, 1, in, parts.format, q);
      // Signed to unsigned: plus 128.
      else std::transform(data + o * in, data + (o + 1) * in, q, [](std::byte value) { return static_cast<uint8_t>(value) ^ 0x80; });
    }
  });
  const int64_t size = size_of(layer.info.dtype), stored = parts.scale.numel();
  for (int64_t i = 0; i < out * layer.info.groups; ++i)
    std::memcpy(layer.scale.data() + i * size, static_cast<const std::byte*>(parts.scale.data) + (stored == 1 ? 0 : i * size), static_cast<size_t>(size));
  read_zeros(names, parts, layer);
  return layer;
}

}  // namespace hqq
