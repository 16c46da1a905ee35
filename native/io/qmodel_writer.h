// What hqq's save_quantized writes: qmodel.pt, a dictionary of modules, each with its tensors, the quantized ones with what describes
// them. Read back by io/torch_file.h, and by AutoHQQHFModel.from_quantized of hqq.
#pragma once

#include <string>
#include <vector>

#include "io/safetensors.h"
#include "io/zip_layout.h"

namespace hqq {

/// A tensor of the file: one of the store, or the weight of a layer that is quantized there and is written plain.
struct QmodelTensor {
  TensorSpec spec;
  bool dequantized = false;
};

class Qmodel {
 public:
  /// Tables of tokens are written plain, because hqq quantizes linear layers only; a head without a tensor of its own becomes a second
  /// name for the table, as torch.save writes shared weights. Throws EngineError{bad_input} naming the layer that the format cannot
  /// hold, {unsupported} naming a tensor of a type that PyTorch has no storage for.
  explicit Qmodel(const TensorStore& store);

  /// One for each storage, in the order of the archive's members from first_storage() on.
  const std::vector<QmodelTensor>& tensors() const { return tensors_; }
  const ZipLayout& layout() const { return layout_; }
  size_t first_storage() const { return small_.size(); }
  /// Everything before the first storage, and the checksums of it.
  std::string beginning() const;
  std::vector<uint32_t> small_checksums() const;

 private:
  struct Small {
    std::string name, content;
  };
  static std::vector<PlannedMember> members_of(const std::vector<Small>& small, const std::vector<QmodelTensor>& tensors);

  std::vector<QmodelTensor> tensors_;
  std::vector<Small> small_;
  ZipLayout layout_{{}};
};

/// Module names of tables of tokens: no linear layers for the programs that read other formats.
bool is_token_table(const std::string& module);

}  // namespace hqq
