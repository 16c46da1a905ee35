#include "io/gptq_layer.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "io/bit_fields.h"
#include "io/layer_parts.h"

namespace hqq {
namespace {

bool known_width(int64_t nbits) { return nbits == 2 || nbits == 3 || nbits == 4 || nbits == 8; }

std::string format_of(const Json& config) {
  // Older files have the first, newer ones the second.
  for (const char* key : {"checkpoint_format", "format"})
    if (const Json* value = config.find(key); value && value->is_string()) return value->as_string();
  return "gptq";
}

/// Bits a value, from the number of inputs when g_idx tells it, else from config.json.
int read_nbits(const LayerParts& parts, const TensorView& qweight, const Json& config) {
  const int64_t words = qweight.shape[0];
  int64_t nbits = 0;
  if (parts.has("g_idx")) {
    const int64_t in = static_cast<int64_t>(parts.integers("g_idx", 1).shape[0]);
    if (in < 1 || words * 32 % in != 0) parts.fail("qweight", "has " + std::to_string(words) + " rows for " + std::to_string(in) + " inputs");
    nbits = words * 32 / in;
    const int64_t stated = config.is_object() ? config.get("bits", nbits) : nbits;
    // GPTQModel's `dynamic` gives layers widths of their own.
    const Json* dynamic = config.is_object() ? config.find("dynamic") : nullptr;
    if (nbits != stated && !dynamic) {
      parts.fail("qweight", "holds " + std::to_string(nbits) + " bits a weight, config.json says quantization_config.bits " +
                                std::to_string(stated));
    }
  } else {
    require(config.is_object() && config.find("bits"), ErrorCode::bad_file,
            "config.json has no quantization_config.bits, and layer " + parts.module() + " has no g_idx to tell it from");
    nbits = config.at("bits").as_int();
  }
  require(known_width(nbits), ErrorCode::unsupported,
          "layer " + parts.module() + " holds " + std::to_string(nbits) + " bits a weight; GPTQ is read at 2, 3, 4 and 8");
  return static_cast<int>(nbits);
}

struct Parts {
  TensorView qweight, scales, qzeros;
  AffineInfo info;
};

Parts read_parts(const LayerParts& parts, const Json& config) {
  const std::string format = format_of(config);
  require(format == "gptq" || format == "gptq_v2", ErrorCode::unsupported,
          "config.json: quantization_config names the layout \"" + format.substr(0, 100) +
              "\"; of GPTQ models those of the formats gptq and gptq_v2 are read");
  Parts found;
  found.qweight = parts.integers("qweight", 2);
  found.scales = parts.floats("scales");
  found.qzeros = parts.integers("qzeros", 2);
  AffineInfo& info = found.info;
  info.nbits = read_nbits(parts, found.qweight, config);
  const int64_t out = found.qweight.shape[1], in = found.qweight.shape[0] * 32 / info.nbits;
  if (found.qweight.shape[0] * 32 % info.nbits != 0 || in < 1 || out < 1)
    parts.fail("qweight", "has shape " + to_string(found.qweight.shape) + ", which holds no whole inputs");
  info.shape = {out, in};
  info.dtype = found.scales.dtype;
  if (found.scales.shape.size() != 2 || found.scales.shape[1] != out || found.scales.shape[0] < 1 || found.scales.shape[0] > in)
    parts.fail("scales", "has shape " + to_string(found.scales.shape) + " for a weight of " + to_string(info.shape));
  info.groups = found.scales.shape[0];
  if (found.qzeros.shape != Shape{info.groups, field_words(out, info.nbits)})
    parts.fail("qzeros", "has shape " + to_string(found.qzeros.shape) + " for " + std::to_string(info.groups) + " groups of " +
                             std::to_string(out) + " outputs");
  if (parts.has("g_idx")) {
    set_groups(info, parts.numbers("g_idx", in), parts.module() + ".g_idx");
  } else {
    const int64_t stated = config.get("group_size", int64_t{-1}), size = stated < 1 ? in : stated;
    if ((in + size - 1) / size != info.groups)
      parts.fail("scales", "has " + std::to_string(info.groups) + " groups, quantization_config.group_size asks for " +
                               std::to_string((in + size - 1) / size));
    set_group_size(info, size);
  }
  return found;
}

}  // namespace

bool is_gptq_layer(const TensorStore& store, const std::string& module) {
  const TensorEntry *qweight = store.find(module + ".qweight"), *scales = store.find(module + ".scales");
  return qweight && scales && store.contains(module + ".qzeros") && qweight->shape.size() == 2 && scales->shape.size() == 2 &&
         qweight->shape[1] == scales->shape[1];
}

AffineInfo describe_gptq_layer(const TensorStore& store, const std::string& module, const Json& config) {
  return read_parts(LayerParts(store, module), config).info;
}

AffineLayer load_gptq_layer(const TensorStore& store, const std::string& module, const Json& config) {
  const LayerParts names(store, module);
  const Parts parts = read_parts(names, config);
  AffineLayer layer(parts.info);
  const int nbits = layer.info.nbits;
  const int64_t out = layer.info.shape[0], in = layer.info.shape[1], groups = layer.info.groups;
  const auto* words = static_cast<const std::byte*>(parts.qweight.data);
  parallel_for(out, 64, [&](int64_t begin, int64_t end) {
    // Blocks of inputs outside: neighbouring outputs lie side by side in the file.
    for (int64_t first = 0; first < in; first += kFieldBlock) {
      const int64_t count = std::min(kFieldBlock, in - first), row = first * nbits / 32;
      for (int64_t o = begin; o < end; ++o)
        read_fields(words + (row * out + o) * 4, out, count, nbits, layer.q.as<uint8_t>() + o * in + first);
    }
  });
  transpose(parts.scales.data, groups, out, size_of(layer.info.dtype), layer.scale.data());
  const Buffer zeros(groups * out, MemoryUse::scratch);
  const auto* zero_words = static_cast<const std::byte*>(parts.qzeros.data);
  const int64_t words_per_group = parts.qzeros.shape[1];
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t first = 0; first < out; first += kFieldBlock)
      read_fields(zero_words + (g * words_per_group + first * nbits / 32) * 4, 1, std::min(kFieldBlock, out - first), nbits,
                  zeros.as<uint8_t>() + g * out + first);
  if (format_of(config) == "gptq") {
    const int mask = (1 << nbits) - 1;
    for (uint8_t& zero : zeros.span<uint8_t>()) zero = static_cast<uint8_t>((zero + 1) & mask);
  }
  transpose(zeros.data(), groups, out, 1, layer.zero.data());
  return layer;
}

}  // namespace hqq
