// The one spelling of compute dtypes in requests: float32, float16, bfloat16.
#pragma once

#include <optional>

#include "core/dtype.h"
#include "engine/fields.h"

namespace hqq {

/// Reads a compute dtype; nothing when the field is absent or null.
inline std::optional<DType> optional_dtype(Fields& fields, std::string_view name) {
  if (!fields.optional(name)) return std::nullopt;
  const std::string text = fields.text(name);
  const auto dtype = dtype_from_torch("torch." + text);
  require(dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16, ErrorCode::bad_input,
          "\"" + text.substr(0, 40) + "\" is no compute dtype; choose float32, float16 or bfloat16");
  return dtype;
}

}  // namespace hqq
