#include "io/file_error.h"

#include <cerrno>
#include <system_error>

namespace hqq {

ErrorCode code_of_errno(int error, bool writing) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return ErrorCode::disk_full;
    case EROFS: return ErrorCode::not_writable;
    case EACCES:
    case EPERM: return writing ? ErrorCode::not_writable : ErrorCode::io;
    case ENOENT:
    case ENOTDIR: return ErrorCode::not_found;
    default: return ErrorCode::io;
  }
}

void throw_file_error(const std::string& action, const std::string& path, int error, bool writing) {
  throw EngineError(code_of_errno(error, writing), action + " " + path + ": " + std::generic_category().message(error));
}

}  // namespace hqq
