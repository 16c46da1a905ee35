// Files of torch.save: a ZIP archive with a pickle of names, shapes and strides, and one member for each storage. Read are state dicts
// (pytorch_model.bin) and what the hqq library saves (qmodel.pt), today's layout and that of its first versions; quantized layers appear
// under the keys of io/hqq_layer.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/mapped_file.h"
#include "io/safetensors.h"

namespace hqq {

/// A tensor of such a file: a range of it, or made of one when asked for.
struct TorchTensor {
  TensorSpec spec;
  int64_t offset = 0;
  std::function<Buffer()> make;  // empty: the bytes at `offset` are the tensor's
};

/// By its name (.pt, .bin) or its first bytes: a ZIP archive, or the format before PyTorch 1.6, which torch_tensors refuses with its cure.
bool is_torch_file(const std::string& path);

/// Throws EngineError{bad_file|unsupported} naming the file and the member, tensor or layer that breaks a rule.
std::vector<TorchTensor> torch_tensors(const std::shared_ptr<const MappedFile>& file, const SafetensorsLimits& limits = {});

}  // namespace hqq
