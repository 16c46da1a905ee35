// tensor.quantize: one tensor on its own, everything it turns into written out, for comparison with other
// implementations.
#include "engine/device_field.h"
#include "engine/methods.h"
#include "engine/quant_field.h"
#include "engine/quantize_on.h"
#include "io/safetensors.h"
#include "quant/dequantize.h"
#include "quant/meta.h"

namespace hqq {
namespace {

/// Writes W_q (u8, grouped view), packed (the reference's packing), scale and zero (float32, reconstructed when
/// quantized) and W_dq (float32, [out, in]).
void write_parts(const std::string& path, const QuantizedTensor& tensor) {
  const Buffer integers(tensor.rows * tensor.cols, MemoryUse::scratch);
  unpack(tensor, integers.as<uint8_t>());
  const Buffer weight(numel(tensor.shape) * 4, MemoryUse::scratch);
  dequantize(tensor, weight.as<float>());
  const Buffer scale(meta_count(tensor.scale) * 4, MemoryUse::scratch),
      zero(meta_count(tensor.zero) * 4, MemoryUse::scratch);
  meta_to_f32(tensor.scale, scale.as<float>());
  meta_to_f32(tensor.zero, zero.as<float>());
  write_safetensors(path, {{"W_q", {integers.data(), DType::u8, {tensor.rows, tensor.cols}}},
                           {"packed", {tensor.packed.data(), packed_dtype(tensor.packing), tensor.packed_shape}},
                           {"scale", {scale.data(), DType::f32, tensor.scale.shape}},
                           {"zero", {zero.data(), DType::f32, tensor.zero.shape}},
                           {"W_dq", {weight.data(), DType::f32, tensor.shape}}});
}

Json quantize_one(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "tensor.quantize");
  const std::string file = fields.text("file");
  const std::string name = fields.text("tensor");
  const QuantRequest request = read_quant(fields.any("quant"), "tensor.quantize");
  const std::string out = fields.text("out");
  const std::string device = read_device(fields);
  fields.done();

  const TensorStore store = TensorStore::open(file);
  QuantStats stats;
  QuantizedTensor tensor;
  try {
    tensor = quantize_on(device, request.method, store.view(name), request.config, PackFormat::interchange, &stats,
                         &reporter);
  } catch (const EngineError& error) {
    if (error.code() == ErrorCode::cancelled || error.code() == ErrorCode::not_found) throw;
    throw EngineError(error.code(), name + ": " + error.what());
  }
  write_parts(out, tensor);
  Json::Array shape;
  for (const int64_t extent : tensor.shape) shape.emplace_back(extent);
  Json result;
  result.set("shape", std::move(shape))
      .set("packing", to_string(tensor.packing))
      .set("iterations", stats.iterations)
      .set("meanAbsError", stats.mean_abs_error)
      .set("meanSquaredError", stats.mean_sq_error)
      .set("maxAbsError", stats.max_abs_error)
      .set("bytes", tensor.bytes())
      .set("seconds", stats.seconds);
  return result;
}

}  // namespace

void add_tensor_methods(std::map<std::string, Method>& table) { table["tensor.quantize"] = quantize_one; }

}  // namespace hqq
