// Writing side of io/safetensors.h.
#include <algorithm>
#include <filesystem>

#include "io/output_file.h"
#include "io/safetensors.h"

namespace hqq {

bool written_before(const TensorSpec& a, const TensorSpec& b) {
  const int64_t width_a = size_of(a.dtype), width_b = size_of(b.dtype);
  return width_a != width_b ? width_a > width_b : a.name < b.name;
}

std::string safetensors_header(const std::vector<TensorSpec>& tensors, const std::map<std::string, std::string>& metadata) {
  Json::Object header;
  header.reserve(tensors.size() + 1);
  if (!metadata.empty()) {
    Json::Object texts;
    for (const auto& [key, text] : metadata) texts.emplace_back(key, Json(text));
    header.emplace_back("__metadata__", Json(std::move(texts)));
  }
  int64_t at = 0;
  for (const TensorSpec& tensor : tensors) {
    Json::Array shape;
    for (const int64_t dim : tensor.shape) shape.emplace_back(dim);
    const int64_t end = at + tensor.bytes();
    Json::Object entry;
    entry.emplace_back("dtype", Json(to_string(tensor.dtype)));
    entry.emplace_back("shape", Json(std::move(shape)));
    entry.emplace_back("data_offsets", Json(Json::Array{Json(at), Json(end)}));
    header.emplace_back(tensor.name, Json(std::move(entry)));
    at = end;
  }
  std::string text = Json(std::move(header)).dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((text.size() >> (8 * i)) & 0xFF);
  return length + text;
}

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<TensorSpec, const void*>> ordered;
  for (const TensorToWrite& t : tensors) ordered.emplace_back(TensorSpec{t.name, t.view.dtype, t.view.shape}, t.view.data);
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return written_before(a.first, b.first); });
  std::vector<TensorSpec> specs;
  for (const auto& [spec, data] : ordered) specs.push_back(spec);
  const std::string header = safetensors_header(specs, metadata);

  const std::string temporary = path + ".tmp";
  try {
    OutputFile file(temporary, OutputFile::Mode::truncate);
    file.append(header);
    auto at = static_cast<int64_t>(header.size());
    for (const auto& [spec, data] : ordered) {
      file.write_at(at, {static_cast<const std::byte*>(data), static_cast<size_t>(spec.bytes())});
      at += spec.bytes();
    }
    file.sync();
  } catch (const EngineError&) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  rename_durably(temporary, path);
}

}  // namespace hqq
