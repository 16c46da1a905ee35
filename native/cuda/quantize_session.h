// Quantizes matrices that lie in host memory, several in flight: while one is on the bus, the one before is computed
// and the result of an earlier one comes back.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "cuda/tensor_quantizer.h"
#include "cuda/uploader.h"

namespace hqq::cuda {

/// Host memory for one scale or zero; only what the task stores is written.
struct MetaTarget {
  void* values = nullptr;
  void *q = nullptr, *q_scale = nullptr, *q_zero = nullptr;
};
struct QuantizeTarget {
  void* packed = nullptr;
  MetaTarget scale, zero;
};

struct QuantizeOutcome {
  int iterations = 0;
  double abs_error = 0, sq_error = 0, abs_weight = 0;  // sums over the matrix
  double max_error = 0;
};

class QuantizeSession {
 public:
  /// `slots`: matrices in flight at once. Allocates little; a slot grows to its largest matrix.
  QuantizeSession(int device, int slots);
  QuantizeSession(const QuantizeSession&) = delete;
  QuantizeSession& operator=(const QuantizeSession&) = delete;
  ~QuantizeSession();

  /// Device memory that one matrix takes, its weights included.
  static int64_t device_bytes(const QuantizeTask& task);

  /// Begins; `weights` must stay until finish() or discard() of the slot returns. Throws EngineError: bad_input,
  /// out_of_memory. A slot whose start failed is free.
  void start(int slot, const QuantizeTask& task, const void* weights);
  /// Ends what start() began; afterwards the slot is free, whatever is thrown: bad_weights, out_of_memory, device_lost.
  QuantizeOutcome finish(int slot, const QuantizeTarget& target);
  /// Drops what is under way, if anything.
  void discard(int slot) noexcept;

 private:
  struct Slot;
  Slot& slot_at(int slot);
  QuantizeOutcome collect(Slot& slot, const QuantizeTarget& target);

  int device_;
  std::unique_ptr<Uploader> uploader_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace hqq::cuda
