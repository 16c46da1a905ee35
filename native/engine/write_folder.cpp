#include "engine/write_folder.h"

#include <algorithm>

#include "io/json.h"
#include "io/output_file.h"

namespace hqq {
namespace {

constexpr size_t kPieceBytes = size_t{8} << 20;

}  // namespace

WrittenFolder write_folder(const QuantizePlan& plan, const std::string& out_dir,
                           const std::function<void(const WorkItem& item, const WriteOutput& write)>& fill,
                           Reporter& reporter) {
  std::vector<OutputFile> files;
  WrittenFolder result;
  for (const OutputFilePlan& file : plan.files) {
    files.emplace_back(out_dir + "/" + file.name + ".partial", OutputFile::Mode::truncate);
    files.back().reserve(file.bytes);
    files.back().write_at(0, std::as_bytes(std::span(file.header.data(), file.header.size())));
    result.file_bytes += file.bytes;
  }
  int64_t done = 0, bytes_done = 0;
  for (const WorkItem& item : plan.items) {
    check_cancelled(reporter);
    Json event;
    event.set("type", "progress").set("tensorsDone", done).set("tensorsTotal", static_cast<int64_t>(plan.items.size()));
    event.set("bytesDone", bytes_done).set("bytesTotal", plan.source_bytes).set("current", item.source);
    reporter.progress(event.dump());
    fill(item, [&](size_t output, std::span<const std::byte> bytes) {
      require(static_cast<int64_t>(bytes.size()) == item.outputs.at(output).bytes, ErrorCode::internal,
              item.outputs[output].name + " has another size than was planned");
      const Placement& place = item.placements[output];
      for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
        check_cancelled(reporter);
        files[static_cast<size_t>(place.file)].write_at(place.offset + static_cast<int64_t>(at),
                                                        bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at)));
      }
    });
    ++done;
    bytes_done += item.source_bytes;
  }
  for (OutputFile& file : files) file.sync();
  files.clear();
  for (const OutputFilePlan& file : plan.files) {
    const std::string path = out_dir + "/" + file.name;
    rename_durably(path + ".partial", path);
    result.files.push_back(file.name);
  }
  if (plan.index.empty()) return result;
  const std::string name = "model.safetensors.index.json";
  OutputFile index(out_dir + "/" + name, OutputFile::Mode::truncate);
  index.append(plan.index);
  index.sync();
  result.files.push_back(name);
  result.file_bytes += static_cast<int64_t>(plan.index.size());
  return result;
}

}  // namespace hqq
