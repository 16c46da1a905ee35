// All that long work knows of its caller: where to report, and whether to stop.
#pragma once

#include <string>

#include "core/error.h"

namespace hqq {

/// Handed to every long operation. Implementations must be safe to call from the thread that runs the work.
class Reporter {
 public:
  virtual ~Reporter() = default;
  /// Latest-wins progress as one JSON object; calls may be coalesced, the last one always arrives.
  virtual void progress(const std::string& json) = 0;
  /// Lossless event as one JSON object (tokens, finished tensors); may block until the reader catches up.
  virtual void emit(const std::string& json) = 0;
  /// True once the caller asked to stop. Cheap: read between tensors, layers, tiles and tokens.
  virtual bool cancelled() const = 0;
};

/// For tests and tools that have no one to report to.
class NullReporter final : public Reporter {
 public:
  void progress(const std::string&) override {}
  void emit(const std::string&) override {}
  bool cancelled() const override { return false; }
};

/// Throws EngineError{cancelled} when the caller asked to stop.
inline void check_cancelled(const Reporter& reporter) {
  if (reporter.cancelled()) throw EngineError(ErrorCode::cancelled, "cancelled");
}

}  // namespace hqq
