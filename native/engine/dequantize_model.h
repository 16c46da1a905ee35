// Turns a quantized model folder back into plain weights, tensor by tensor: what other programs read, and what a model
// that cannot be run here is good for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/job.h"

namespace hqq {

struct DequantizeModelOptions {
  std::string model_dir;
  std::string out_dir;  // exists; gets model*.safetensors and the index of a sharded model
  /// Type of the reconstructed weights; none takes that of each layer's scales. Other tensors stay as they are.
  std::optional<DType> dtype = std::nullopt;
  int64_t max_file_bytes = 5'000'000'000;
};

struct DequantizeModelResult {
  std::vector<std::string> files;  // names in out_dir, the index included
  int64_t file_bytes = 0;
  int64_t dequantized_layers = 0;
  int64_t kept_tensors = 0;
  double seconds = 0;
};

/// Progress as in electron/contract/engine.ts. Files appear under their names only when all of them are whole. Throws
/// EngineError: bad_input when nothing is quantized, bad_file, not_found, disk_full, not_writable, cancelled.
DequantizeModelResult dequantize_model(const DequantizeModelOptions& options, Reporter& reporter);

}  // namespace hqq
