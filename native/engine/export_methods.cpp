// model.exportGguf
#include "engine/dtype_field.h"
#include "engine/export_gguf.h"
#include "engine/fields.h"
#include "engine/methods.h"

namespace hqq {
namespace {

constexpr int64_t kMaxHeads = 65536;

std::vector<float> floats_of(const Json::Array& list) {
  std::vector<float> values;
  for (const Json& value : list) values.push_back(static_cast<float>(value.as_number()));
  return values;
}

Json export_as_gguf(Engine&, const Json& input, Reporter& reporter) {
  Fields fields(input, "model.exportGguf");
  ExportGgufOptions options;
  options.model_dir = fields.text("modelDir");
  options.out = fields.text("out");
  options.architecture = fields.text("architecture");
  options.heads = {fields.integer("heads", 1, kMaxHeads), fields.integer("kvHeads", 1, kMaxHeads)};
  options.tied = fields.flag("tied");
  options.float_type = optional_dtype(fields, "floatType");
  for (const Json& item : fields.list("metadata")) {
    Fields entry(item, "model.exportGguf: metadata");
    const std::string key = entry.text("key"), type = entry.text("type");
    options.metadata.add(key, type, entry.any("value"));
    entry.done();
  }
  for (const Json& item : fields.list("factors")) {
    Fields entry(item, "model.exportGguf: factors");
    const std::string name = entry.text("name");
    options.factors[name] = floats_of(entry.list("values"));
    entry.done();
  }
  fields.done();

  const ExportGgufResult made = export_gguf(options, reporter);
  Json types = Json::Object{};
  for (const auto& [type, count] : made.types) types.set(type, count);
  Json result;
  return result.set("fileBytes", made.file_bytes)
      .set("types", std::move(types))
      .set("dequantizedLayers", made.dequantized_layers)
      .set("mostRounded", made.most_rounded)
      .set("rounding", made.rounding)
      .set("mostCast", made.most_cast)
      .set("castRounding", made.cast_rounding)
      .set("seconds", made.seconds);
}

}  // namespace

void add_export_methods(std::map<std::string, Method>& table) { table["model.exportGguf"] = export_as_gguf; }

}  // namespace hqq
