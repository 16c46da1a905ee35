#include "engine/source_identity.h"

#include <sys/stat.h>

#include <filesystem>

#include "core/error.h"
#include "io/sha256.h"

namespace hqq {

namespace fs = std::filesystem;

std::string source_identity(const TensorStore& store) {
  std::string text;
  for (const auto& file : store.files()) {
    struct stat info {};
    require(::stat(file->path().c_str(), &info) == 0, ErrorCode::io, file->path() + ": cannot be examined");
    text += fs::path(file->path()).filename().string() + " " + std::to_string(info.st_size) + " " +
            std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + "\n";
  }
  for (const TensorEntry& entry : store.entries()) {
    text += entry.name + " " + entry.dtype + to_string(entry.shape) + std::to_string(entry.file_index) + ":" +
            std::to_string(entry.offset) + "\n";
  }
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

}  // namespace hqq
