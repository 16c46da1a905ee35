// One place that turns errno into an error code and a sentence, so that a full disk reads the same wherever it is met.
#pragma once

#include <string>

#include "core/error.h"

namespace hqq {

/// disk_full for ENOSPC and EDQUOT, not_writable for EROFS, and for EACCES and EPERM when `writing`; not_found for
/// ENOENT and ENOTDIR when reading; io for the rest.
ErrorCode code_of_errno(int error, bool writing);

/// Throws EngineError with "ACTION PATH: reason" of a failed read or write.
[[noreturn]] void throw_file_error(const std::string& action, const std::string& path, int error, bool writing = false);

}  // namespace hqq
