// What quantizing a folder will do, worked out before a byte is written: every tensor of the source, what becomes of
// it, and the place of every output tensor in the final files. Sizes never depend on the weights' values, so all of it
// is known beforehand.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "quant/types.h"

namespace hqq {

/// What the caller wants for one linear layer.
struct LayerChoice {
  std::string module;  // "model.layers.0.self_attn.q_proj"; its weight is the tensor MODULE.weight
  QuantConfig config;
  std::string method;  // a name of quant/method.h
};

/// Where an output tensor goes.
struct Placement {
  int64_t file = 0;
  int64_t offset = 0;  // absolute, in that file
};

/// One tensor of the source and what it becomes.
struct WorkItem {
  std::string source;  // tensor name
  int64_t source_bytes = 0;
  std::optional<LayerChoice> choice;  // none: kept
  bool stored_quantized = false;      // `source` is not there: its layer is stored quantized, and is quantized anew
  std::optional<DType> cast;          // kept tensors: the type they are converted to
  DType meta_dtype = DType::f16;      // quantized tensors: of scale and zero
  std::vector<TensorSpec> outputs;
  std::vector<Placement> placements;  // one per output

  /// Name in events: the module of a quantized layer, else the tensor.
  const std::string& name() const { return choice ? choice->module : source; }
  int64_t output_bytes() const;
};

struct OutputFilePlan {
  std::string name;  // "model.safetensors" or "model-00001-of-00003.safetensors"
  std::string header;
  int64_t bytes = 0;  // header included
};

struct QuantizePlan {
  std::vector<WorkItem> items;  // in the order of the work: names with their numbers in order
  std::vector<OutputFilePlan> files;
  std::string index;  // text of model.safetensors.index.json; empty for a single file
  int64_t source_bytes = 0;
  int64_t output_bytes = 0;  // of all files
};

/// `compute_dtype`: type of scale, zero and kept floating-point tensors; none keeps the source's. Files are closed when
/// the next tensor would take them above `max_file_bytes`. Throws EngineError{bad_input} for a choice that names no
/// matrix of the model, names one twice, or does not fit its shape; {unsupported} for a weight type that cannot be
/// quantized.
QuantizePlan plan_quantization(const TensorStore& store, const std::vector<LayerChoice>& choices,
                               std::optional<DType> compute_dtype, int64_t max_file_bytes);

/// Puts tensors into their order and their outputs into files, like plan_quantization does.
QuantizePlan lay_out(std::vector<WorkItem> items, int64_t max_file_bytes);

/// True when `a` comes before `b` with numbers inside names compared as numbers ("layers.9." before "layers.10.").
bool natural_less(std::string_view a, std::string_view b);

}  // namespace hqq
