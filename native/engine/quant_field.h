// The `quant` object of requests: how one tensor is to be quantized.
#pragma once

#include <string>

#include "engine/fields.h"
#include "quant/types.h"

namespace hqq {

struct QuantRequest {
  QuantConfig config;
  std::string method;
};

/// Reads {nbits, groupSize|null, axis, channelWise?, roundZero, method, quantZero, quantScale}. What does not fit a
/// tensor's shape is found later, by quant/grouping.h. Throws EngineError{bad_input} naming `where`.
QuantRequest read_quant(const Json& json, const std::string& where);

}  // namespace hqq
