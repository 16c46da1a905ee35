// GGUF reading: the header of the one-file format of llama.cpp, versions 2 and 3, little-endian. The parser trusts nothing: counts,
// lengths, types, offsets, overlaps and bounds are all checked against named caps. Layout: github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "io/json.h"

namespace hqq {

struct GgufLimits {
  int64_t max_metadata = 100'000;
  /// A layer of a model becomes some twenty tensors (io/gguf_model.h), and the largest models have a few thousand here.
  int64_t max_tensors = 50'000;
  /// Items of one list. The vocabularies of the largest models have 262,144 tokens and half a million merges.
  int64_t max_items = int64_t{1} << 20;
  int64_t max_values = 8'000'000;  // in all
  int64_t max_name_bytes = 1024;
};

struct GgufTensor {
  std::string name;   // as the file calls it: "blk.0.attn_q.weight"
  uint32_t type = 0;  // io/gguf_blocks.h
  Shape shape;        // outermost first; the file lists the innermost first
  int64_t offset = 0;  // absolute
  int64_t bytes = 0;
};

struct GgufFile {
  Json metadata;  // "general.architecture", "llama.block_count", ...; numbers, texts and lists of them
  std::vector<GgufTensor> tensors;
};

/// Throws EngineError{bad_file} naming the file and the field, {unsupported} for a version or a type of tensor that is not read.
GgufFile parse_gguf(std::span<const std::byte> file, const std::string& path, const GgufLimits& limits = {});

}  // namespace hqq
