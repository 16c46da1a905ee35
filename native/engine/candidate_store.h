// Quantized matrices by what they were made from, so that the same matrix is never quantized twice the same way: in what-if, in a
// sensitivity table, in a second model that differs in a few layers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/tensor.h"
#include "quant/types.h"

namespace hqq {

/// Everything that decides a quantized matrix.
struct CandidateSpec {
  QuantConfig config;
  std::string method;          // a name of quant/method.h
  DType meta_dtype = DType::f16;
  std::string moments;         // identity of what the method measured; empty for methods that measure nothing
};

struct Candidate {
  QuantizedTensor tensor;  // scale and zero in meta_dtype
  QuantStats stats;
};

/// A folder of safetensors files, each named by the SHA-256 of what it was made from. Files are written whole or not at all and read
/// again by any process; whoever cleans up may delete any of them, the ones used longest ago first (their times of change say when).
class CandidateStore {
 public:
  /// The folder is made when its parent exists. Throws EngineError{not_writable}.
  explicit CandidateStore(std::string dir);

  /// Hash of the weights' values, for keys of several specs.
  static std::string hash_of(const TensorView& weight);
  /// Name of the file, without its folder.
  static std::string key(const std::string& weight_hash, const Shape& shape, const CandidateSpec& spec);

  /// None when it is not there; one that cannot be read is deleted. Counts as use.
  std::optional<Candidate> find(const std::string& key) const;
  bool contains(const std::string& key) const;
  /// `tensor` has scale and zero in meta_dtype. Throws EngineError{disk_full|not_writable|io}.
  void put(const std::string& key, const QuantizedTensor& tensor, const QuantStats& stats, DType meta_dtype) const;

 private:
  std::string path(const std::string& key) const;
  std::string dir_;
};

}  // namespace hqq
