// Writing side of io/safetensors.h.
#include <algorithm>
#include <filesystem>

#include "io/output_file.h"
#include "io/safetensors.h"

namespace hqq {

namespace {

/// Bytes of one element, 1 for types smaller than a byte or not known here.
int64_t element_bytes(std::string_view dtype) {
  if (dtype.ends_with("64")) return 8;
  if (dtype.ends_with("32")) return 4;
  return dtype.ends_with("16") ? 2 : 1;
}

}  // namespace

TensorSpec tensor_spec(std::string name, DType dtype, Shape shape) {
  const int64_t bytes = numel(shape) * size_of(dtype);
  return {std::move(name), std::string(to_string(dtype)), std::move(shape), bytes};
}

bool written_before(const TensorSpec& a, const TensorSpec& b) {
  const int64_t width_a = element_bytes(a.dtype), width_b = element_bytes(b.dtype);
  return width_a != width_b ? width_a > width_b : a.name < b.name;
}

std::string safetensors_header(const std::vector<TensorSpec>& tensors,
                               const std::map<std::string, std::string>& metadata) {
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
    const int64_t end = at + tensor.bytes;
    Json::Object entry;
    entry.emplace_back("dtype", Json(tensor.dtype));
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
  for (const TensorToWrite& t : tensors)
    ordered.emplace_back(tensor_spec(t.name, t.view.dtype, t.view.shape), t.view.data);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return written_before(a.first, b.first); });
  std::vector<TensorSpec> specs;
  for (const auto& [spec, data] : ordered) specs.push_back(spec);
  const std::string header = safetensors_header(specs, metadata);

  const std::string temporary = path + ".tmp";
  try {
    OutputFile file(temporary, OutputFile::Mode::truncate);
    file.append(header);
    auto at = static_cast<int64_t>(header.size());
    for (const auto& [spec, data] : ordered) {
      file.write_at(at, {static_cast<const std::byte*>(data), static_cast<size_t>(spec.bytes)});
      at += spec.bytes;
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
