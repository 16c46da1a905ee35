// What the tensors of a GGUF file are called in the model they came from: one small table per architecture.
#pragma once

#include <optional>
#include <string>

namespace hqq {

/// A tensor of the model and how its values follow from the file's.
struct GgufName {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  /// Rows of each head of this many are stored in pairs for llama.cpp's rotary embedding and have to be put back; 0: as they are.
  int64_t paired_heads = 0;
  /// The file holds 1 + weight.
  bool plus_one = false;
  /// The file's outermost dimension counts experts, and `name` has "*" in the place of their number.
  bool experts = false;
};

struct GgufHeads {
  int64_t queries = 0, keys = 0;
};

/// False for an architecture whose names are not known here.
bool knows_gguf_architecture(const std::string& architecture);
/// None for a tensor that is no weight of the model (rope_freqs.weight). Throws EngineError{unsupported} for one that is not known.
std::optional<GgufName> model_name_of(const std::string& architecture, const std::string& tensor, const GgufHeads& heads);
/// The way back: the file's name of a tensor of the model, with the same notes on its values. Throws EngineError{unsupported} for a
/// tensor that the architecture has no name for.
GgufName gguf_name_of(const std::string& architecture, const std::string& tensor, const GgufHeads& heads);

}  // namespace hqq
