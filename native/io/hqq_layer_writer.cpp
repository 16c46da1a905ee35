// Writing side of io/hqq_layer.h. Specs and values come from one list, so that they cannot disagree.
#include <cstring>

#include "io/hqq_layer.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "quant/meta.h"

namespace hqq {
namespace {

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> out(values.size() * sizeof(T));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}
std::vector<std::byte> bytes_of_text(std::string_view text) {
  return bytes_of(std::vector<char>(text.begin(), text.end()));
}

std::vector<ConstantTensor> small_tensors(const std::string& module, const Shape& shape, const QuantConfig& config,
                                       Packing packing, DType compute_dtype) {
  std::vector<ConstantTensor> out;
  const auto integer = [&](const char* key, int64_t value) {
    out.push_back(
        {tensor_spec(module + "." + key, DType::i32, {}), bytes_of(std::vector<int32_t>{static_cast<int32_t>(value)})});
  };
  const auto flag = [&](const char* key, bool value) {
    out.push_back({tensor_spec(module + "." + key, DType::u8, {}), bytes_of(std::vector<uint8_t>{value})});
  };
  const auto text = [&](const char* key, std::string_view value) {
    out.push_back(
        {tensor_spec(module + "." + key, DType::u8, {static_cast<int64_t>(value.size())}), bytes_of_text(value)});
  };
  out.push_back({tensor_spec(module + ".shape", DType::i64, {2}), bytes_of(shape)});
  integer("nbits", config.nbits);
  // Never "none" in a file; per tensor it still says how many rows the packed view has, which the reference needs at 3
  // bits.
  const bool whole_lines = !config.channel_wise || config.group_size == 0;
  integer("group_size", whole_lines ? shape[config.axis] : config.group_size);
  integer("axis", config.axis);
  flag("view_as_float", false);
  flag("quant_scale", config.quant_scale);
  flag("quant_zero", config.quant_zero);
  flag("offload_meta", false);
  flag("encoded_state_dict", true);
  flag("stores_quant_config", true);
  flag("channel_wise", config.channel_wise);
  flag("optimize", config.optimize);
  flag("round_zero", config.round_zero);
  text("packing", to_string(packing));
  text("compute_dtype", torch_name(compute_dtype));
  text("unpack_view_dtype", torch_name(packed_dtype(packing)));
  return out;
}

/// Specs of scale or zero: one tensor, or three when it is quantized.
void append_meta_specs(const std::string& module, const std::string& key, const Shape& shape, int64_t group,
                       DType compute_dtype, bool quantized, std::vector<TensorSpec>& out) {
  const std::string prefix = module + ".";
  if (!quantized) {
    out.push_back(tensor_spec(prefix + key, compute_dtype, shape));
    return;
  }
  const int64_t count = numel(shape);
  require(group == 0 || count % group == 0, ErrorCode::bad_input,
          module + ": a quantized " + key + " needs a number of groups that " + std::to_string(group) +
              " divides, this layer has " + std::to_string(count) + "; choose another group size or turn it off");
  const Shape own_shape = group == 0 ? Shape{} : Shape{1, count / group};
  out.push_back(tensor_spec(prefix + key + "_q", DType::u8, group == 0 ? shape : Shape{group, count / group}));
  out.push_back(tensor_spec(prefix + "meta_" + key + ".scale", DType::f32, own_shape));
  out.push_back(tensor_spec(prefix + "meta_" + key + ".zero", DType::f32, own_shape));
}

}  // namespace

std::vector<TensorSpec> hqq_layer_specs(const std::string& module, const Shape& shape, const QuantConfig& config,
                                        DType compute_dtype) {
  const Packing packing = packing_for(config.nbits, PackFormat::dense);
  const Grouping view = resolve_grouping(config, shape);
  std::vector<TensorSpec> specs = {
      tensor_spec(module + ".W_q", packed_dtype(packing), packed_shape(packing, view.rows, view.cols))};
  append_meta_specs(module, "scale", meta_shape(view), kScaleGroupSize, compute_dtype, config.quant_scale, specs);
  append_meta_specs(module, "zero", meta_shape(view), 0, compute_dtype, config.quant_zero, specs);
  for (ConstantTensor& small : small_tensors(module, shape, config, packing, compute_dtype))
    specs.push_back(std::move(small.spec));
  return specs;
}

std::vector<ConstantTensor> hqq_layer_constants(const std::string& module, const Shape& shape, const QuantConfig& config,
                                                DType compute_dtype) {
  return small_tensors(module, shape, config, packing_for(config.nbits, PackFormat::dense), compute_dtype);
}

HqqLayerTensors::HqqLayerTensors(const std::string& module, const QuantizedTensor& tensor, DType compute_dtype) {
  const std::vector<TensorSpec> specs = hqq_layer_specs(module, tensor.shape, tensor.config, compute_dtype);
  const auto add = [&](const void* data, DType dtype, const Shape& shape, int64_t available) {
    const TensorSpec& spec = specs[tensors_.size()];
    const TensorView view{data, dtype, shape};
    require(spec.dtype == to_string(dtype) && spec.shape == shape && view.bytes() == available, ErrorCode::internal,
            "quantized " + spec.name + " is " + std::string(to_string(dtype)) + to_string(shape) + ", planned was " +
                spec.dtype + to_string(spec.shape));
    tensors_.push_back({spec.name, view});
  };
  add(tensor.packed.data(), packed_dtype(tensor.packing), tensor.packed_shape, tensor.packed.bytes());
  for (const MetaTensor* meta : {&tensor.scale, &tensor.zero}) {
    if (meta->quantized) {
      add(meta->q.data(), DType::u8, meta->q_shape, meta->q.bytes());
      add(meta->q_scale.data(), DType::f32, meta->q_meta_shape, meta->q_scale.bytes());
      add(meta->q_zero.data(), DType::f32, meta->q_meta_shape, meta->q_zero.bytes());
      continue;
    }
    add(meta->values.data(), meta->dtype, meta->shape, meta->values.bytes());
  }
  for (ConstantTensor& small : small_tensors(module, tensor.shape, tensor.config, tensor.packing, compute_dtype)) {
    const auto& value = small_.emplace_back(std::move(small.value));
    const auto dtype = dtype_from_safetensors(small.spec.dtype);
    add(value.data(), dtype.value_or(DType::u8), small.spec.shape, static_cast<int64_t>(value.size()));
  }
}

}  // namespace hqq
