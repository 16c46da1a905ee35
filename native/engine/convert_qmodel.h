// A model written as hqq's own file, tensor by tensor.
#pragma once

#include <string>

#include "core/job.h"
#include "engine/write_folder.h"
#include "io/safetensors.h"

namespace hqq {

/// Writes qmodel.pt into `out_dir`, which exists; it appears under that name only when it is whole. Progress as in
/// electron/contract/engine.ts. Throws EngineError{bad_input|unsupported} for what the format cannot hold (io/qmodel_writer.h), disk_full,
/// cancelled, ...
WrittenFolder write_qmodel(const TensorStore& store, const std::string& out_dir, Reporter& reporter);

}  // namespace hqq
