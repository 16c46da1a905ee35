// The one exception type of the engine. Its codes are the native half of the closed list in
// electron/contract/errors.ts; tests/error_test.cpp and a contract test keep the two equal.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hqq {

enum class ErrorCode {
  bad_input,      // the caller asked for something that cannot be done (wrong group size, wrong shape, ...)
  bad_file,       // a file is truncated, malformed or hostile
  bad_weights,    // a tensor holds NaN or infinity
  unsupported,    // well formed, but not something this engine can run (architecture, dtype, ...)
  not_found,      // a file, tensor or handle that does not exist
  busy,           // the resource is in use
  cancelled,      // stopped on request; never logged as an error
  out_of_memory,  // the machine or the device has too little memory
  disk_full,      // no space left on the target file system
  not_writable,   // target folder is read-only or not permitted
  io,             // any other failed system call on a file
  device_lost,    // a device fault after which the process must end
  internal,       // a broken invariant: a defect of ours
};

/// The spelling used in contracts and JSON, e.g. "bad-input".
std::string_view to_string(ErrorCode code);
/// The code of that spelling.
std::optional<ErrorCode> error_code_from_string(std::string_view text);

/// Failure with a code a program can act on and a message a person can act on (cause, then next step).
class EngineError : public std::runtime_error {
 public:
  EngineError(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws EngineError{code} when `condition` is false.
inline void require(bool condition, ErrorCode code, const std::string& message) {
  if (!condition) throw EngineError(code, message);
}

}  // namespace hqq
