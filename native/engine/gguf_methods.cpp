// gguf.inspect
#include "engine/fields.h"
#include "engine/methods.h"
#include "io/gguf.h"
#include "io/gguf_blocks.h"
#include "io/mapped_file.h"

namespace hqq {
namespace {

/// Tensors that are numbers of the configuration rather than weights: frequencies of the rotary embedding.
constexpr int64_t kMaxConfigurationValues = 4096;

Json values_of(const MappedFile& file, const GgufTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(numel(tensor.shape)));
  to_f32(file.bytes().data() + tensor.offset, gguf_block(tensor.type)->dtype, values.data(), static_cast<int64_t>(values.size()));
  Json::Array out;
  for (const float value : values) out.emplace_back(static_cast<double>(value));
  return out;
}

Json inspect(Engine&, const Json& input, Reporter&) {
  Fields fields(input, "gguf.inspect");
  const MappedFile file(fields.text("path"));
  fields.done();
  GgufFile contents = parse_gguf(file.bytes(), file.path());
  Json::Array tensors;
  Json rope = Json::Object{};
  for (const GgufTensor& tensor : contents.tensors) {
    Json entry;
    Json::Array shape;
    for (const int64_t extent : tensor.shape) shape.emplace_back(extent);
    tensors.push_back(entry.set("name", tensor.name).set("type", gguf_type_name(tensor.type)).set("shape", std::move(shape)));
    const bool plain = gguf_block(tensor.type)->nbits == 0 && numel(tensor.shape) <= kMaxConfigurationValues;
    if (tensor.name.starts_with("rope_f") && plain) rope.set(tensor.name, values_of(file, tensor));
  }
  Json result;
  return result.set("metadata", std::move(contents.metadata)).set("tensors", std::move(tensors)).set("rope", std::move(rope));
}

}  // namespace

void add_gguf_methods(std::map<std::string, Method>& table) { table["gguf.inspect"] = inspect; }

}  // namespace hqq
