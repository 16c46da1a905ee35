#include "io/compressed_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "core/thread_pool.h"
#include "io/bit_fields.h"
#include "quant/bitpack.h"
#include "quant/dequantize.h"
#include "quant/meta.h"

namespace hqq {
namespace {

std::vector<float> floats_of(const MetaTensor& meta) {
  std::vector<float> values(static_cast<size_t>(meta_count(meta)));
  meta_to_f32(meta, values.data());
  return values;
}

/// What an integer step of the layer is in steps of the file.
int fineness(const CompressedSpec& spec, const QuantizedTensor& layer) { return 1 << (spec.nbits - layer.config.nbits); }

uint8_t zero_point(float zero, int fine, int nbits) {
  return static_cast<uint8_t>(std::clamp(std::nearbyint(zero * static_cast<float>(fine)), 0.0f, static_cast<float>((1 << nbits) - 1)));
}

Buffer packed_lines(const uint8_t* values, int64_t lines, int64_t count, int nbits) {
  const int64_t words = field_words(count, nbits);
  Buffer out(lines * words * 4, MemoryUse::scratch);
  parallel_for(lines, 16, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line)
      write_fields(values + line * count, count, nbits, out.as<uint32_t>() + line * words);
  });
  return out;
}

Json weights_of(const CompressedSpec& spec) {
  Json weights;
  weights.set("actorder", Json()).set("block_structure", Json()).set("dynamic", false);
  weights.set("group_size", spec.group_size == 0 ? Json() : Json(spec.group_size)).set("num_bits", spec.nbits);
  weights.set("observer", "minmax").set("observer_kwargs", Json::Object{});
  return weights.set("strategy", spec.group_size == 0 ? "channel" : "group").set("symmetric", spec.symmetric).set("type", "int");
}

}  // namespace

CompressedSpec compressed_spec(const std::string& module, const QuantizedTensor& layer, int nbits) {
  const QuantConfig& config = layer.config;
  const auto refuse = [&](const std::string& why) {
    throw EngineError(ErrorCode::bad_input, module + ": compressed-tensors holds " + why);
  };
  if (config.nbits > nbits)
    refuse("no " + std::to_string(config.nbits) + " bits in " + std::to_string(nbits) + "; write it with 8 bits");
  if (config.axis != 1 || !config.channel_wise) refuse("groups along the input only; quantize it along axis 1");
  CompressedSpec spec{module, layer.shape, nbits, config.group_size, true, layer.scale.quantized ? DType::f16 : layer.scale.dtype};
  const int64_t in = layer.shape[1];
  if (spec.group_size == 0 || spec.group_size == in) spec.group_size = 0;
  else if (in % spec.group_size != 0)
    refuse("no groups that go on in the next row; choose a group size that divides the " + std::to_string(in) + " inputs");
  const int fine = fineness(spec, layer), middle = 1 << (nbits - 1);
  for (const float zero : floats_of(layer.zero)) spec.symmetric = spec.symmetric && zero * static_cast<float>(fine) == static_cast<float>(middle);
  return spec;
}

std::vector<TensorSpec> compressed_tensors(const CompressedSpec& spec) {
  const auto name = [&](const char* key) { return spec.module + "." + key; };
  std::vector<TensorSpec> tensors = {
      tensor_spec(name("weight_packed"), DType::i32, {spec.shape[0], field_words(spec.shape[1], spec.nbits)}),
      tensor_spec(name("weight_scale"), spec.dtype, {spec.shape[0], spec.groups()}),
      tensor_spec(name("weight_shape"), DType::i64, {2}),
  };
  if (!spec.symmetric)
    tensors.push_back(tensor_spec(name("weight_zero_point"), DType::i32, {field_words(spec.shape[0], spec.nbits), spec.groups()}));
  return tensors;
}

std::vector<Buffer> compressed_values(const CompressedSpec& spec, const QuantizedTensor& layer) {
  const int64_t out = spec.shape[0], in = spec.shape[1], groups = spec.groups();
  const int fine = fineness(spec, layer);
  const Buffer q(out * in, MemoryUse::scratch);
  unpack(layer, q.as<uint8_t>());
  if (fine > 1)
    for (uint8_t& value : q.span<uint8_t>().first(static_cast<size_t>(out * in))) value = static_cast<uint8_t>(value * fine);
  std::vector<Buffer> values;
  values.push_back(packed_lines(q.as<uint8_t>(), out, in, spec.nbits));
  std::vector<float> scales = floats_of(layer.scale);
  for (float& scale : scales) scale /= static_cast<float>(fine);
  values.emplace_back(out * groups * size_of(spec.dtype), MemoryUse::scratch);
  from_f32(scales.data(), spec.dtype, values.back().data(), out * groups);
  values.emplace_back(16, MemoryUse::scratch);
  std::memcpy(values.back().data(), spec.shape.data(), 16);
  if (spec.symmetric) return values;
  // A group's zero points are one stream over the outputs.
  const std::vector<float> zeros = floats_of(layer.zero);
  const int64_t words = field_words(out, spec.nbits);
  values.emplace_back(words * groups * 4, MemoryUse::scratch);
  std::vector<uint8_t> line(static_cast<size_t>(out));
  std::vector<uint32_t> stream(static_cast<size_t>(words));
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t o = 0; o < out; ++o)
      line[static_cast<size_t>(o)] = zero_point(zeros[static_cast<size_t>(o * groups + group)], fine, spec.nbits);
    write_fields(line.data(), out, spec.nbits, stream.data());
    for (int64_t word = 0; word < words; ++word) values.back().as<uint32_t>()[word * groups + group] = stream[static_cast<size_t>(word)];
  }
  return values;
}

Json compressed_quantization_config(const std::vector<CompressedSpec>& layers, const std::vector<std::string>& ignored) {
  std::map<std::tuple<int, int64_t, bool>, std::vector<const CompressedSpec*>> schemes;
  for (const CompressedSpec& layer : layers) schemes[{layer.nbits, layer.group_size, layer.symmetric}].push_back(&layer);
  Json groups = Json::Object{};
  for (const auto& [key, members] : schemes) {
    Json targets = Json::Array{};
    // One scheme goes for every layer that is not ignored; several name their layers.
    if (schemes.size() == 1) targets.push("Linear");
    else
      for (const CompressedSpec* member : members) targets.push(member->module);
    Json group;
    group.set("input_activations", Json()).set("output_activations", Json()).set("targets", std::move(targets));
    group.set("weights", weights_of(*members.front()));
    groups.set("group_" + std::to_string(groups.as_object().size()), std::move(group));
  }
  Json::Array ignore;
  for (const std::string& name : ignored) ignore.emplace_back(name);
  Json config;
  config.set("config_groups", std::move(groups)).set("format", "pack-quantized").set("global_compression_ratio", Json());
  config.set("ignore", std::move(ignore)).set("kv_cache_scheme", Json()).set("quant_method", "compressed-tensors");
  return config.set("quantization_status", "compressed");
}

}  // namespace hqq
