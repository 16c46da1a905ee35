#include "io/awq_layer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/thread_pool.h"
#include "io/gptq_layer.h"
#include "io/layer_parts.h"

namespace hqq {
namespace {

constexpr int64_t kOutputsPerWord = 8;
/// Output that the nibble at bits 4 n holds.
constexpr std::array<int, kOutputsPerWord> kOutputOf = {0, 2, 4, 6, 1, 3, 5, 7};

void unpack_row(const void* words, int64_t out, uint8_t* values) {
  const auto* bytes = static_cast<const std::byte*>(words);
  for (int64_t first = 0; first < out; first += kOutputsPerWord, bytes += 4) {
    uint32_t word;
    std::memcpy(&word, bytes, sizeof(word));
    for (size_t n = 0; n < kOutputOf.size(); ++n) values[first + kOutputOf[n]] = static_cast<uint8_t>(word >> (4 * n) & 15);
  }
}

struct Parts {
  TensorView qweight, scales, qzeros;
  AffineInfo info;
};

Parts read_parts(const LayerParts& parts, const Json& config) {
  if (config.is_object()) {
    // AutoAWQ's own file has the second name.
    const int64_t bits = config.get("bits", config.get("w_bit", int64_t{4}));
    require(bits == 4, ErrorCode::unsupported,
            "config.json: quantization_config.bits is " + std::to_string(bits) + "; AWQ is read at 4 bits");
    std::string version = config.get("version", "gemm");
    std::transform(version.begin(), version.end(), version.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    require(!version.starts_with("gemv") && !version.starts_with("marlin"), ErrorCode::unsupported,
            "config.json: quantization_config.version is \"" + version.substr(0, 100) + "\"; of AWQ the GEMM layout is read");
  }
  Parts found;
  found.qweight = parts.integers("qweight", 2);
  found.scales = parts.floats("scales");
  found.qzeros = parts.integers("qzeros", 2);
  AffineInfo& info = found.info;
  info.nbits = 4;
  info.shape = {found.qweight.shape[1] * kOutputsPerWord, found.qweight.shape[0]};
  info.dtype = found.scales.dtype;
  const int64_t out = info.shape[0], in = info.shape[1];
  if (out < 1 || in < 1) parts.fail("qweight", "is empty");
  if (found.scales.shape.size() != 2 || found.scales.shape[1] != out || found.scales.shape[0] < 1)
    parts.fail("scales", "has shape " + to_string(found.scales.shape) + " for a weight of " + to_string(info.shape));
  info.groups = found.scales.shape[0];
  if (found.qzeros.shape != Shape{info.groups, found.qweight.shape[1]})
    parts.fail("qzeros", "has shape " + to_string(found.qzeros.shape) + " beside scales of " + to_string(found.scales.shape));
  if (in % info.groups != 0)
    parts.fail("scales", "has " + std::to_string(info.groups) + " groups for " + std::to_string(in) + " inputs");
  if (config.is_object()) {
    const int64_t stated = config.get("group_size", config.get("q_group_size", info.group_size()));
    if (stated > 0 && stated != info.group_size())
      parts.fail("scales", "has groups of " + std::to_string(info.group_size()) +
                               ", config.json says quantization_config.group_size " + std::to_string(stated));
  }
  return found;
}

}  // namespace

bool is_awq_layer(const TensorStore& store, const std::string& module) {
  return store.contains(module + ".qweight") && store.contains(module + ".scales") && store.contains(module + ".qzeros") &&
         !is_gptq_layer(store, module);
}

AffineInfo describe_awq_layer(const TensorStore& store, const std::string& module, const Json& config) {
  return read_parts(LayerParts(store, module), config).info;
}

AffineLayer load_awq_layer(const TensorStore& store, const std::string& module, const Json& config) {
  const LayerParts names(store, module);
  const Parts parts = read_parts(names, config);
  AffineLayer layer(parts.info);
  const int64_t out = layer.info.shape[0], in = layer.info.shape[1], groups = layer.info.groups;
  const auto* words = static_cast<const std::byte*>(parts.qweight.data);
  // Strips of inputs: unpacked as they lie, then turned.
  parallel_for(in, kOutputsPerWord * 8, [&](int64_t begin, int64_t end) {
    const Buffer strip((end - begin) * out, MemoryUse::scratch);
    for (int64_t i = begin; i < end; ++i)
      unpack_row(words + i * out / kOutputsPerWord * 4, out, strip.as<uint8_t>() + (i - begin) * out);
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = begin; i < end; ++i) layer.q.as<uint8_t>()[o * in + i] = strip.as<uint8_t>()[(i - begin) * out + o];
  });
  const Buffer zeros(groups * out, MemoryUse::scratch);
  for (int64_t g = 0; g < groups; ++g)
    unpack_row(static_cast<const std::byte*>(parts.qzeros.data) + g * out / kOutputsPerWord * 4, out, zeros.as<uint8_t>() + g * out);
  transpose(parts.scales.data, groups, out, size_of(layer.info.dtype), layer.scale.data());
  transpose(zeros.data(), groups, out, 1, layer.zero.data());
  return layer;
}

}  // namespace hqq
