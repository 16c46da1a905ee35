#include "engine/pixels.h"

#include <cmath>
#include <cstring>

#include "io/safetensors.h"
#include "io/sha256.h"

namespace hqq {
namespace {

constexpr const char* kTensor = "pixel_values";

/// Progress of the towers is none of the prompt's.
class Quiet final : public Reporter {
 public:
  explicit Quiet(const Reporter& asked) : asked_(asked) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override {}
  bool cancelled() const override { return asked_.cancelled(); }

 private:
  const Reporter& asked_;
};

std::string key_of(const Pixels& pixels, int64_t picture) {
  Sha256 hash;
  hash.update(std::to_string(pixels.height) + "x" + std::to_string(pixels.width) + ":");
  hash.update(std::as_bytes(std::span(pixels.picture(picture), static_cast<size_t>(pixels.per_picture()))));
  return hash.hex();
}

}  // namespace

PixelFile read_pixels(const std::string& path) {
  const TensorStore store = TensorStore::open(path);
  const TensorEntry* entry = store.find(kTensor);
  require(entry != nullptr && entry->dtype == "F32" && entry->shape.size() == 4 && numel(entry->shape) > 0,
          ErrorCode::bad_file, path + ": \"pixel_values\" must be F32 of shape [count, channels, height, width]");
  PixelFile file;
  // Copied: the mapping need not be aligned, and the file may be gone before the work is done.
  file.values = Buffer(entry->bytes, MemoryUse::scratch);
  std::memcpy(file.values.data(), store.view(kTensor).data, static_cast<size_t>(entry->bytes));
  file.pixels = {file.values.as<float>(), entry->shape[0], entry->shape[1], entry->shape[2], entry->shape[3]};
  for (const float value : file.values.span<float>())
    require(std::isfinite(value), ErrorCode::bad_file, path + ": pixel values must be finite");
  return file;
}

std::optional<PixelFile> optional_pixels(Fields& fields) {
  if (!fields.optional("pixelsFile")) return std::nullopt;
  return read_pixels(fields.text("pixelsFile"));
}

std::vector<int32_t> with_pictures(const Engine::Use& use, const std::vector<int32_t>& ids, const PixelFile& file,
                                   Reporter& reporter) {
  VisionModel& vision = use.vision();
  const Pixels& pixels = file.pixels;
  Quiet quiet(reporter);
  std::vector<PromptPicture> pictures;
  for (int64_t i = 0; i < pixels.count; ++i) {
    const auto fill = [&, i](std::span<float> out) { vision.project(pixels, i, out, use.numerics(), quiet); };
    pictures.push_back({key_of(pixels, i), vision.picture_rows(pixels.height, pixels.width), fill});
  }
  return use.model().place_pictures(ids, pictures);
}

}  // namespace hqq
