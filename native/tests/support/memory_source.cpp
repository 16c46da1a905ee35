#include "tests/support/memory_source.h"

#include <cstring>

#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "quant/quantize.h"

namespace hqq::test {

bool OverlaySource::is_quantized(const std::string& module) const {
  if (module.starts_with("lm_head") || module.ends_with("embed_tokens") || module.ends_with("wte")) return false;
  if (!folder_.contains(module + ".weight")) return false;
  ready_ = quantize_(module, folder_.tensor(module + ".weight").view);
  ready_name_ = module;
  return ready_.has_value();
}

QuantizedTensor OverlaySource::quantized(const std::string& module) {
  if (ready_name_ != module || !ready_) ready_ = quantize_(module, folder_.tensor(module + ".weight").view);
  QuantizedTensor result = std::move(ready_.value());
  ready_.reset();
  return result;
}

Quantize quantize_linears(const QuantConfig& config) {
  return [config](const std::string&, const TensorView& weight) -> std::optional<QuantizedTensor> {
    return quantize(weight, config, PackFormat::dense);
  };
}

QuantizedTensor official_tensor(const TensorStore& store, const std::string& module, const Shape& shape, int nbits,
                                int64_t group, int axis) {
  const auto copy = [&](const char* name) {
    const TensorView view = store.view(module + "." + name);
    Buffer buffer(view.bytes(), MemoryUse::scratch);
    std::memcpy(buffer.data(), view.data, static_cast<size_t>(view.bytes()));
    return buffer;
  };
  QuantizedTensor t;
  t.config = {.nbits = nbits, .group_size = group, .axis = axis};
  t.shape = shape;
  const Grouping grouping = resolve_grouping(t.config, shape);
  t.rows = grouping.rows;
  t.cols = grouping.cols;
  t.packing = packing_for(nbits, PackFormat::interchange);
  t.packed_shape = packed_shape(t.packing, t.rows, t.cols);
  t.packed = copy("W_q");
  for (const auto& [meta, name] : {std::pair{&t.scale, "scale"}, std::pair{&t.zero, "zero"}}) {
    meta->shape = meta_shape(grouping);
    meta->dtype = store.view(module + "." + name).dtype;
    meta->values = copy(name);
  }
  return t;
}

}  // namespace hqq::test
