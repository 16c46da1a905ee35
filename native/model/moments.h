// Gathers second moments of layer inputs while a model runs. Layers that share an input share their moments.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/input_observer.h"
#include "quant/input_moments.h"

namespace hqq {

class MomentsRecorder final : public InputObserver {
 public:
  /// Records the diagonal for `modules`, and the full matrix for those that are in `full` too.
  MomentsRecorder(std::set<std::string, std::less<>> modules, std::set<std::string, std::less<>> full)
      : modules_(std::move(modules)), full_(std::move(full)) {}

  void observe(std::span<const std::string_view> modules, const float* x, int64_t tokens, int64_t in) override;

  /// Moments by module. Modules that no token reached (an expert that was never chosen) are missing.
  std::map<std::string, std::shared_ptr<const InputMoments>, std::less<>> finish() &&;

 private:
  struct Sums {
    int64_t tokens = 0;
    std::vector<double> squares;
    InputMoments moments;
  };
  Sums& sums_of(std::span<const std::string_view> wanted, int64_t in);

  std::set<std::string, std::less<>> modules_, full_;
  std::vector<std::unique_ptr<Sums>> sums_;
  std::map<std::string, size_t, std::less<>> slots_;
};

}  // namespace hqq
