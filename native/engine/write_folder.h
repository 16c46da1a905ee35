// Writes a planned set of files of weights: under other names until all of them are whole and on the disk.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/job.h"
#include "engine/quantize_plan.h"

namespace hqq {

struct WrittenFolder {
  std::vector<std::string> files;  // names, the index included
  int64_t file_bytes = 0;
};

/// Takes the contents of one of an item's outputs. Throws {cancelled|disk_full|io}.
using WriteOutput = std::function<void(size_t output, std::span<const std::byte> bytes)>;

/// `fill` gives all outputs of an item, in any order. `out_dir` exists. Progress as electron/contract/engine.ts has it.
/// Throws EngineError{cancelled|disk_full|not_writable|io} and what `fill` throws.
WrittenFolder write_folder(const QuantizePlan& plan, const std::string& out_dir,
                           const std::function<void(const WorkItem& item, const WriteOutput& write)>& fill,
                           Reporter& reporter);

}  // namespace hqq
