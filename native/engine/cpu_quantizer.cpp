#include <optional>

#include "engine/quantizer.h"
#include "quant/meta.h"
#include "quant/method.h"

namespace hqq {
namespace {

/// One matrix at a time, on all threads, when its result is asked for.
class CpuQuantizer final : public Quantizer {
 public:
  bool has_room(const QuantizeRequest&) const override { return !request_; }

  void start(const QuantizeRequest& request) override {
    require(!request_, ErrorCode::busy, "the CPU quantizes one matrix at a time");
    request_ = request;
  }

  QuantizedTensor finish(QuantStats* stats, Reporter& reporter) override {
    require(request_.has_value(), ErrorCode::internal, "no matrix was started");
    const QuantizeRequest request = *request_;
    request_.reset();
    QuantizedTensor tensor =
        quant_method(request.method).quantize(request.weight, request.config, request.format, request.moments.get(), stats, &reporter);
    cast_meta(tensor, request.meta_dtype);
    return tensor;
  }

 private:
  std::optional<QuantizeRequest> request_;
};

}  // namespace

std::unique_ptr<Quantizer> cpu_quantizer() { return std::make_unique<CpuQuantizer>(); }

}  // namespace hqq
