#include "cuda/quantize_session.h"

#include <cstring>

namespace hqq::cuda {
namespace {

constexpr int64_t kAlignment = 256;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Grows a buffer; the old one goes first, so that there are never two.
template <typename Buffer, typename... Arguments>
void ensure(Buffer& buffer, int64_t bytes, Arguments... arguments) {
  if (buffer.bytes() >= bytes) return;
  buffer = Buffer();
  buffer = Buffer(bytes, arguments...);
}

}  // namespace

struct QuantizeSession::Slot {
  std::optional<TensorQuantizer> tensor;  // while something is under way
  DeviceBuffer memory;                    // weights, then workspace
  PinnedBuffer readback, staging;
  Stream stream;
  Event uploaded;
  std::future<void> started;
};

QuantizeSession::QuantizeSession(int device, int slots) : device_(device) {
  require(slots > 0, ErrorCode::bad_input, "a quantizer needs a slot");
  const DeviceScope scope(device_);
  uploader_ = std::make_unique<Uploader>();
  for (int i = 0; i < slots; ++i) {
    auto slot = std::make_unique<Slot>();
    slot->stream = Stream::create();
    slot->uploaded = Event::create();
    slot->readback = PinnedBuffer(static_cast<int64_t>(sizeof(QuantizeReadback)));
    slots_.push_back(std::move(slot));
  }
}

QuantizeSession::~QuantizeSession() {
  for (size_t i = 0; i < slots_.size(); ++i) discard(static_cast<int>(i));
}

QuantizeSession::Slot& QuantizeSession::slot_at(int slot) {
  require(slot >= 0 && slot < static_cast<int>(slots_.size()), ErrorCode::bad_input, "the quantizer has no such slot");
  return *slots_[static_cast<size_t>(slot)];
}

int64_t QuantizeSession::device_bytes(const QuantizeTask& task) {
  const TensorQuantizer tensor(task);
  return aligned(tensor.weight_bytes()) + tensor.workspace_bytes();
}

void QuantizeSession::start(int index, const QuantizeTask& task, const void* weights) {
  Slot& slot = slot_at(index);
  require(!slot.tensor, ErrorCode::busy, "the quantizer's slot is in use");
  const DeviceScope scope(device_);
  TensorQuantizer tensor(task);
  const int64_t weight_bytes = aligned(tensor.weight_bytes());
  ensure(slot.memory, weight_bytes + tensor.workspace_bytes(), MemoryUse::scratch);
  slot.tensor.emplace(tensor);
  try {
    slot.started = std::async(std::launch::async, [this, &slot, weights, weight_bytes] {
      const DeviceScope here(device_);
      uploader_->upload(weights, slot.memory.data(), slot.tensor->weight_bytes(), slot.uploaded);
      slot.uploaded.wait_on(slot.stream.get());
      slot.tensor->start(slot.memory.data(), slot.memory.data() + weight_bytes, slot.readback.as<QuantizeReadback>(),
                         slot.stream.get());
    });
  } catch (...) {
    slot.tensor.reset();
    throw;
  }
}

QuantizeOutcome QuantizeSession::collect(Slot& slot, const QuantizeTarget& target) {
  slot.started.get();
  const DeviceResult made = slot.tensor->finish(slot.stream.get());
  struct Piece {
    const void* from;
    void* to;
    int64_t bytes;
    int64_t staged_at;  // -1: straight to where it goes
  };
  std::vector<Piece> pieces;
  int64_t staged = 0;
  const auto add = [&](const void* from, void* to, int64_t bytes) {
    if (bytes == 0) return;
    require(to != nullptr, ErrorCode::bad_input, "a result has no place to go");
    const bool direct = is_page_locked(to);
    pieces.push_back({from, to, bytes, direct ? -1 : staged});
    if (!direct) staged += aligned(bytes);
  };
  const auto add_meta = [&](const DeviceMeta& from, const MetaTarget& to) {
    add(from.values, to.values, from.values_bytes);
    add(from.q, to.q, from.q_bytes);
    add(from.q_scale, to.q_scale, from.q_meta_bytes);
    add(from.q_zero, to.q_zero, from.q_meta_bytes);
  };
  add(made.packed, target.packed, made.packed_bytes);
  add_meta(made.scale, target.scale);
  add_meta(made.zero, target.zero);
  ensure(slot.staging, staged);
  for (const Piece& piece : pieces) {
    void* to = piece.staged_at < 0 ? piece.to : slot.staging.data() + piece.staged_at;
    HQQ_CUDA_CHECK(
        cudaMemcpyAsync(to, piece.from, static_cast<size_t>(piece.bytes), cudaMemcpyDeviceToHost, slot.stream.get()));
  }
  slot.stream.synchronize();
  for (const Piece& piece : pieces) {
    if (piece.staged_at >= 0) copy_in_parallel(piece.to, slot.staging.data() + piece.staged_at, piece.bytes);
  }
  const auto& errors = slot.readback.as<QuantizeReadback>()->errors;
  return {slot.tensor->iterations(), errors[0], errors[1], errors[2], errors[3]};
}

QuantizeOutcome QuantizeSession::finish(int index, const QuantizeTarget& target) {
  Slot& slot = slot_at(index);
  require(slot.tensor.has_value(), ErrorCode::bad_input, "nothing was started in the quantizer's slot");
  const DeviceScope scope(device_);
  try {
    const QuantizeOutcome outcome = collect(slot, target);
    slot.tensor.reset();
    return outcome;
  } catch (...) {
    discard(index);
    throw;
  }
}

void QuantizeSession::discard(int index) noexcept {
  if (index < 0 || index >= static_cast<int>(slots_.size())) return;
  Slot& slot = *slots_[static_cast<size_t>(index)];
  if (slot.started.valid()) slot.started.wait();
  slot.started = {};
  // What is still on a stream works in the slot's memory. An error here was or will be reported by another call.
  if (slot.tensor) {
    cudaEventSynchronize(slot.uploaded.get());
    cudaStreamSynchronize(slot.stream.get());
  }
  slot.tensor.reset();
}

}  // namespace hqq::cuda
