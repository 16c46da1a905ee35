// Moments of layer inputs in a file, so that a second configuration of the same model need not measure them again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quant/input_moments.h"

namespace hqq {

using MomentsByModule = std::map<std::string, std::shared_ptr<const InputMoments>, std::less<>>;
using ModuleNames = std::set<std::string, std::less<>>;

/// The sequences of ids that a model was measured on, and what its layers were multiplied with.
struct Calibration {
  std::vector<std::vector<int32_t>> text;
  MomentsByModule moments;
};

/// Which moments are wanted, and of what they have to be.
struct MomentsRequest {
  std::string identity;  // of model and text
  ModuleNames modules;
  ModuleNames full;  // of them, those whose whole matrix is wanted
};

/// The text and the moments of `request` from a safetensors file. None when there is no such file, it is of another model or text, cannot be
/// read, or was measured for other modules.
std::optional<Calibration> read_moments_file(const std::string& path, const MomentsRequest& request);

/// Replaces the file. Throws EngineError{disk_full|not_writable|io}.
void write_moments_file(const std::string& path, const MomentsRequest& request, const Calibration& measured);

}  // namespace hqq
