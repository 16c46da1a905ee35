// The optional field "device" of a method's input: "cpu" (the default), "cuda", "cuda:N", "cuda:UUID" or a UUID.
#pragma once

#include <string>

#include "engine/fields.h"

namespace hqq {

/// Reads it and finds the device: "cpu", or "cuda:UUID" of one that works. Throws EngineError{unsupported} with the reason
/// when no GPU can be used, {not_found} when that one is not there.
std::string read_device(Fields& fields);

}  // namespace hqq
