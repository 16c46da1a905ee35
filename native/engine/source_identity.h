// Telling one state of a model folder from another without reading its weights.
#pragma once

#include <string>

#include "io/safetensors.h"

namespace hqq {

/// A hash over name, size, time of change and header of every file of the store.
std::string source_identity(const TensorStore& store);

}  // namespace hqq
