// Writes a model as one GGUF file, tensor by tensor. Layers whose groups are runs of 32 columns keep their integers (io/gguf_encode.h),
// other quantized ones become float16; the rest stays as it is unless another type is wanted, vectors in float32 as llama.cpp wants them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/job.h"
#include "io/gguf_header.h"
#include "io/gguf_names.h"

namespace hqq {

struct ExportGgufOptions {
  std::string model_dir;
  std::string out;           // path of the file; replaced when it is there
  std::string architecture;  // as GGUF calls it: "llama", "qwen2"
  GgufHeads heads;
  /// The head has no weights of its own: a stored copy is left out, unless it is quantized.
  bool tied = false;
  /// F32, F16 or BF16: type of all matrices without blocks; none keeps theirs, and writes quantized ones that fit no block as F16.
  std::optional<DType> float_type;
  GgufMetadata metadata;
  /// Small tensors that follow from the configuration: factors of the rotary frequencies.
  std::map<std::string, std::vector<float>> factors;
};

struct ExportGgufResult {
  int64_t file_bytes = 0;
  std::map<std::string, int64_t> types;  // tensors of each type: {"Q4_1": 210, "F32": 61}
  int64_t dequantized_layers = 0;        // quantized here, float16 there
  /// Of all layers that keep their integers, the one that rounding scales and offsets to float16 moved most, relative to its largest
  /// weight. Empty and 0 when there is none.
  std::string most_rounded;
  double rounding = 0;
  /// The same of the matrices that `float_type` has changed.
  std::string most_cast;
  double cast_rounding = 0;
  double seconds = 0;
};

/// Progress as in electron/contract/engine.ts. The file appears under its name only when it is whole. Throws EngineError: unsupported
/// for tensors that GGUF has no name or type for, bad_weights for scales and weights beyond float16, bad_file, not_found, disk_full, not_writable,
/// cancelled.
ExportGgufResult export_gguf(const ExportGgufOptions& options, Reporter& reporter);

}  // namespace hqq
