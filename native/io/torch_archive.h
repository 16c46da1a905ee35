// The storages behind the tensors of a torch.save file, and the rules they keep: a tensor stays inside its storage, no two of its elements
// are the same bytes, and a storage has one type.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "io/mapped_file.h"
#include "io/pickle.h"
#include "io/torch_file.h"
#include "io/zip_archive.h"

namespace hqq {

class TorchArchive {
 public:
  /// Throws EngineError{bad_file|unsupported} for what is no such archive.
  explicit TorchArchive(std::shared_ptr<const MappedFile> file, const SafetensorsLimits& limits);

  const Pickle& pickle() const { return *pickle_; }
  const std::string& path() const { return file_->path(); }
  /// A tensor of the pickle under this name. Throws {bad_file} naming it.
  TorchTensor tensor(const Pickle::Value& value, std::string name);

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& rule) const;
  std::vector<int64_t> extents(const Pickle::Value& value, const std::string& name, const char* what) const;
  ZipMember storage(const Pickle::Value& value, const std::string& name, std::string& dtype, int64_t& element_bytes);

  std::shared_ptr<const MappedFile> file_;
  SafetensorsLimits limits_;
  std::map<std::string, ZipMember, std::less<>> members_;
  std::string prefix_;  // of all members
  std::unique_ptr<Pickle> pickle_;
  std::map<std::string, std::string, std::less<>> type_of_;  // of storages seen
};

}  // namespace hqq
