// Pixel values as requests give them: float32 [count][channels][height][width], the tensor `pixel_values` of a
// safetensors file. A picture is too large for JSON text, and a request with a file can be replayed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/job.h"
#include "engine/engine.h"
#include "engine/fields.h"

namespace hqq {

struct PixelFile {
  Buffer values;
  Pixels pixels;  // a view of them
};

/// Throws EngineError{not_found}, or {bad_file} for another type or shape.
PixelFile read_pixels(const std::string& path);

/// The field `pixelsFile`, where there is one.
std::optional<PixelFile> optional_pixels(Fields& fields);

/// `ids` with the pictures in the place of their tokens, for the language model of `use`. Pictures it has seen are not
/// looked at again.
std::vector<int32_t> with_pictures(const Engine::Use& use, const std::vector<int32_t>& ids, const PixelFile& file,
                                   Reporter& reporter);

}  // namespace hqq
