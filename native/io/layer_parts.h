// The tensors of one layer, `<module>.<key>`, read with checks that name the tensor: what the readers of other programs'
// layer formats share.
#pragma once

#include <string>

#include "io/safetensors.h"

namespace hqq {

class LayerParts {
 public:
  LayerParts(const TensorStore& store, std::string module) : store_(store), module_(std::move(module)) {}

  const std::string& module() const { return module_; }
  bool has(const std::string& key) const { return store_.contains(module_ + "." + key); }
  /// Throws EngineError{bad_file}: `FILE: tensor "<module>.<key>" <rule>`.
  [[noreturn]] void fail(const std::string& key, const std::string& rule) const;
  /// Throws {not_found} when absent, {bad_file} for another type or rank.
  TensorView integers(const std::string& key, size_t rank) const;  // I32
  TensorView floats(const std::string& key) const;                 // F32, F16 or BF16, any rank
  TensorView bytes(const std::string& key) const;                  // U8 or I8, any rank
  /// Integers of an I32 or I64 vector. Throws {bad_file} for more than `most`.
  std::vector<int64_t> numbers(const std::string& key, int64_t most) const;

 private:
  TensorView view(const std::string& key) const { return store_.view(module_ + "." + key); }

  const TensorStore& store_;
  std::string module_;
};

}  // namespace hqq
