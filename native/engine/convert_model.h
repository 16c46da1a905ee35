// From one format of quantized weights to another, tensor by tensor.
#pragma once

#include <string>
#include <vector>

#include "core/job.h"
#include "io/json.h"

namespace hqq {

struct ConvertModelOptions {
  std::string model_dir;
  std::string out_dir;  // exists; gets model*.safetensors and the index of a sharded model, or qmodel.pt
  /// "hqq-safetensors" (io/hqq_layer.h), "compressed-tensors" (io/compressed_writer.h) or "qmodel" (io/qmodel_writer.h)
  std::string format;
  /// Of compressed-tensors: 4 or 8, none takes 4 where every layer has as few.
  int nbits = 0;
  int64_t max_file_bytes = 5'000'000'000;
};

struct ConvertModelResult {
  std::vector<std::string> files;  // names in out_dir, the index included
  int64_t file_bytes = 0;
  int64_t layers = 0;
  int64_t kept_tensors = 0;
  Json quantization_config;  // of config.json; null: the caller's own
  double seconds = 0;
};

/// Progress as in electron/contract/engine.ts. Files appear under their names only when all of them are whole. Throws
/// EngineError: bad_input when nothing is quantized or a layer does not fit the format, bad_file, disk_full, cancelled, ...
ConvertModelResult convert_model(const ConvertModelOptions& options, Reporter& reporter);

/// How far the weights of two models are apart, both dequantized to float32.
struct WeightDifference {
  int64_t tensors = 0;
  int64_t exact = 0;  // of those: bit for bit the same
  double max_error = 0;
  double mean_error = 0;     // mean magnitude over the weights of the tensors that differ
  double mean_magnitude = 0;  // of the weights there
};

/// Over every tensor of `model_dir`, each of which must be in `other_dir` too. Throws {bad_file} naming what is missing or
/// has another shape.
WeightDifference compare_weights(const std::string& model_dir, const std::string& other_dir, Reporter& reporter);

}  // namespace hqq
