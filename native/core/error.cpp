#include "core/error.h"

namespace hqq {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_input: return "bad-input";
    case ErrorCode::bad_file: return "bad-file";
    case ErrorCode::bad_weights: return "bad-weights";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::not_found: return "not-found";
    case ErrorCode::busy: return "busy";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::out_of_memory: return "out-of-memory";
    case ErrorCode::disk_full: return "disk-full";
    case ErrorCode::not_writable: return "not-writable";
    case ErrorCode::io: return "io";
    case ErrorCode::device_lost: return "device-lost";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from_string(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (to_string(code) == text) return code;
  }
  return {};
}

}  // namespace hqq
