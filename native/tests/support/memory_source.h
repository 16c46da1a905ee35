// Weight sources for tests and benchmarks: a folder with some linear layers quantized on the way.
#pragma once

#include <functional>
#include <optional>

#include "model/weight_source.h"

namespace hqq::test {

/// Returns the quantized form of a linear layer, or nothing to keep it as it is.
using Quantize = std::function<std::optional<QuantizedTensor>(const std::string& module, const TensorView& weight)>;

/// A folder whose linear layers (all 2-D weights but the embedding and the head) pass through `quantize`.
class OverlaySource final : public WeightSource {
 public:
  OverlaySource(const std::string& dir, Quantize quantize) : folder_(dir), quantize_(std::move(quantize)) {}
  bool contains(const std::string& tensor) const override { return folder_.contains(tensor); }
  StoredTensor tensor(const std::string& name) override { return folder_.tensor(name); }
  bool is_quantized(const std::string& module) const override;
  QuantizedTensor quantized(const std::string& module) override;

 private:
  mutable FolderSource folder_;
  Quantize quantize_;
  mutable std::string ready_name_;
  mutable std::optional<QuantizedTensor> ready_;
};

/// Quantizes every linear layer with this engine's quantizer.
Quantize quantize_linears(const QuantConfig& config);

/// W_q, scale and zero as the golden files hold them.
QuantizedTensor official_tensor(const TensorStore& store, const std::string& module, const Shape& shape, int nbits,
                                int64_t group, int axis);

}  // namespace hqq::test
