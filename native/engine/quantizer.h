// Where matrices are quantized: on the CPU or on a device. A folder is worked through the same way on both.
#pragma once

#include <memory>
#include <string>

#include "core/job.h"
#include "quant/bitpack.h"
#include "quant/input_moments.h"
#include "quant/types.h"

namespace hqq {

struct QuantizeRequest {
  TensorView weight;  // its memory must stay until the matrix is finished
  QuantConfig config;
  std::string method;  // a name of quant/method.h
  PackFormat format = PackFormat::dense;
  DType meta_dtype = DType::f32;  // of scale and zero, unless they are quantized themselves
  std::shared_ptr<const InputMoments> moments{};  // of the layer's input, for methods that want them
};

/// Matrices go in and come out in the same order; how many can be under way at once is the implementation's matter. One
/// thread. Destroying it drops what is under way.
class Quantizer {
 public:
  virtual ~Quantizer() = default;

  /// True when `request` may be started now. Always true when nothing is under way.
  virtual bool has_room(const QuantizeRequest& request) const = 0;

  /// Throws EngineError as finish() does; nothing is under way for this request then.
  virtual void start(const QuantizeRequest& request) = 0;

  /// The result of the request that was started first. `stats` may be null. Throws EngineError: bad_input, bad_weights,
  /// out_of_memory, cancelled, device_lost; the request is gone then.
  virtual QuantizedTensor finish(QuantStats* stats, Reporter& reporter) = 0;
};

std::unique_ptr<Quantizer> cpu_quantizer();

}  // namespace hqq
