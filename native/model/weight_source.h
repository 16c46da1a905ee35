// Where a model's tensors come from: a folder, or memory (tests, benchmarks, weights quantized on the fly).
#pragma once

#include <memory>
#include <string>

#include "core/tensor.h"
#include "io/safetensors.h"
#include "quant/types.h"

namespace hqq {

/// An unquantized tensor and whatever keeps its memory alive.
struct StoredTensor {
  TensorView view;
  std::shared_ptr<const void> keep;
  bool mapped = false;  // read in place from a file, not resident memory of ours
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool contains(const std::string& tensor) const = 0;
  /// Throws {not_found} for an unknown name, {unsupported} for a dtype the engine does not read.
  virtual StoredTensor tensor(const std::string& name) = 0;
  /// Whether this linear layer ("model.layers.0.mlp.up_proj") is stored quantized.
  virtual bool is_quantized(const std::string& module) const = 0;
  virtual QuantizedTensor quantized(const std::string& module) = 0;
  /// The module has been consumed; the source may let go of its memory.
  virtual void release(const std::string& module) { (void)module; }
};

/// Model folder: plain safetensors, transformers' HqqConfig layout, hqq's save_to_safetensors, or our own.
class FolderSource final : public WeightSource {
 public:
  explicit FolderSource(const std::string& dir);
  bool contains(const std::string& tensor) const override;
  StoredTensor tensor(const std::string& name) override;
  bool is_quantized(const std::string& module) const override;
  QuantizedTensor quantized(const std::string& module) override;
  void release(const std::string& module) override;

 private:
  TensorStore store_;
};

}  // namespace hqq
