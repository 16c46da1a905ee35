// vision.embed
#include <chrono>
#include <cmath>

#include "engine/fields.h"
#include "engine/methods.h"
#include "engine/pixels.h"
#include "engine/token_ids.h"

namespace hqq {
namespace {

/// Rows of unit length as lists.
Json unit_rows(std::span<float> values, int64_t size) {
  Json::Array rows;
  for (size_t begin = 0; begin < values.size(); begin += static_cast<size_t>(size)) {
    const auto row = values.subspan(begin, static_cast<size_t>(size));
    double squares = 0;
    for (const float value : row) squares += static_cast<double>(value) * value;
    const double scale = squares > 0 ? 1.0 / std::sqrt(squares) : 0.0;
    Json::Array list;
    for (const float value : row) list.emplace_back(static_cast<double>(value) * scale);
    rows.emplace_back(std::move(list));
  }
  return rows;
}

Json embed(Engine& engine, const Json& input, Reporter& reporter) {
  Fields fields(input, "vision.embed");
  const std::string handle = fields.text("handle");
  const auto file = optional_pixels(fields);
  std::vector<std::vector<int32_t>> texts;
  for (const Json& ids : fields.list("texts")) {
    require(ids.is_array(), ErrorCode::bad_input, "vision.embed: field \"texts\" is not a list of lists");
    texts.push_back(read_token_ids(ids, "vision.embed: field \"texts\""));
  }
  fields.done();

  const Engine::Use use(engine, handle);
  VisionModel& vision = use.vision();
  require(vision.config().kind != VisionKind::llava, ErrorCode::unsupported,
          "this model looks at pictures to write about them; it has no embeddings to compare");
  const int64_t size = vision.embedding_size();
  const auto start = std::chrono::steady_clock::now();
  const Buffer images((file ? file->pixels.count : 0) * size * 4, MemoryUse::scratch);
  if (file) vision.embed_images(file->pixels, images.span<float>(), use.numerics(), reporter);
  const Buffer words(static_cast<int64_t>(texts.size()) * size * 4, MemoryUse::scratch);
  if (!texts.empty()) vision.embed_texts(texts, words.span<float>(), use.numerics(), reporter);
  Json result;
  return result.set("images", unit_rows(images.span<float>(), size))
      .set("texts", unit_rows(words.span<float>(), size))
      .set("size", size)
      .set("logitScale", vision.logit_scale())
      .set("seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

}  // namespace

void add_vision_methods(std::map<std::string, Method>& table) { table["vision.embed"] = embed; }

}  // namespace hqq
