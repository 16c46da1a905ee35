#include "engine/convert_qmodel.h"

#include "io/crc32.h"
#include "io/hqq_layer.h"
#include "io/qmodel_writer.h"
#include "quant/dequantize.h"

namespace hqq {
namespace {

constexpr const char* kDirectory = "the list of members";

TensorSpec bytes_spec(const std::string& name, int64_t bytes) { return {name, "U8", {bytes}, bytes}; }

/// Each storage with the header that goes before it, whose checksum is known only afterwards; the archive's directory last.
QuantizePlan plan_of(const Qmodel& model) {
  const ZipLayout& layout = model.layout();
  QuantizePlan plan;
  plan.files = {{"qmodel.pt", model.beginning(), layout.total()}};
  plan.output_bytes = layout.total();
  for (size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorSpec& spec = model.tensors()[i].spec;
    const size_t member = model.first_storage() + i;
    WorkItem item;
    item.source = spec.name;
    item.source_bytes = spec.bytes;
    item.outputs = {spec, bytes_spec(spec.name, layout.header_bytes(member))};
    item.placements = {{0, layout.data_offset(member)}, {0, layout.header_offset(member)}};
    plan.source_bytes += spec.bytes;
    plan.items.push_back(std::move(item));
  }
  WorkItem directory;
  directory.source = kDirectory;
  directory.outputs = {bytes_spec(kDirectory, layout.directory_bytes())};
  directory.placements = {{0, layout.directory_offset()}};
  plan.items.push_back(std::move(directory));
  return plan;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

}  // namespace

WrittenFolder write_qmodel(const TensorStore& store, const std::string& out_dir, Reporter& reporter) {
  const Qmodel model(store);
  std::vector<uint32_t> checksums = model.small_checksums();
  const auto put = [&](std::span<const std::byte> bytes, const WriteOutput& write) {
    const size_t member = checksums.size();
    checksums.push_back(crc32(bytes));
    write(0, bytes);
    write(1, bytes_of(model.layout().header(member, checksums.back())));
  };
  return write_folder(
      plan_of(model), out_dir,
      [&](const WorkItem& item, const WriteOutput& write) {
        const size_t storage = checksums.size() - model.first_storage();
        if (storage == model.tensors().size()) {
          write(0, bytes_of(model.layout().directory(checksums)));
        } else if (const auto& [spec, dequantized] = model.tensors()[storage]; dequantized) {
          const std::string module = item.source.substr(0, item.source.rfind('.'));
          const Buffer weight(spec.bytes, MemoryUse::scratch);
          dequantize(load_hqq_layer(store, module), *dtype_from_safetensors(spec.dtype), weight.data());
          put({weight.data(), static_cast<size_t>(weight.bytes())}, write);
        } else {
          put(store.bytes(*store.find(item.source)), write);
          store.drop(item.source);
        }
      },
      reporter);
}

}  // namespace hqq
