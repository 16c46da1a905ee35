// What differs between model families, as data: one row per architecture name. The transformer itself is written once.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hqq {

/// Tensor names of one architecture. Names inside a block follow `block_prefix` + index + ".".
struct Family {
  std::string_view architecture;
  std::string_view embedding, final_norm, head;
  std::string_view block_prefix;
  std::string_view input_norm, post_attention_norm;
  std::string_view q, k, v, o;
  std::string_view gate, up, down;

  std::string block(int64_t layer, std::string_view name) const {
    return std::string(block_prefix) + std::to_string(layer) + "." + std::string(name);
  }
};

std::span<const Family> families();
/// Null when the architecture is not supported.
const Family* find_family(std::string_view architecture);

}  // namespace hqq
