// The decode loop of a model: one captured graph per step, launched some steps ahead of the reader. Token, position and
// step live on the device, so the graph is replayed unchanged; chosen ids arrive in page-locked memory.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "cuda/device_model.h"

namespace hqq::cuda {
namespace {

/// Steps in flight: enough to hide a launch, few enough to stop soon.
constexpr int64_t kStepsAhead = 6;
/// Looks at the ring between two questions to the driver.
constexpr int kSpins = 4096;

int* position_of(const DeviceBuffer& state) {
  return reinterpret_cast<int*>(state.data() + offsetof(DecodeState, position));
}

}  // namespace

void DeviceModel::capture_step() {
  cudaGraph_t captured = nullptr;
  HQQ_CUDA_CHECK(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal));
  try {
    enqueue_forward(reinterpret_cast<const int*>(state_.data() + offsetof(DecodeState, token)), 1, 0,
                    position_of(state_));
    enqueue_head(0, 1);
    choose_greedy(choose_args(), target_);
  } catch (...) {
    if (cudaStreamEndCapture(stream_.get(), &captured) == cudaSuccess && captured) cudaGraphDestroy(captured);
    cudaGetLastError();
    throw;
  }
  HQQ_CUDA_CHECK(cudaStreamEndCapture(stream_.get(), &captured));
  const Graph graph(captured);
  cudaGraphExec_t step = nullptr;
  HQQ_CUDA_CHECK(cudaGraphInstantiate(&step, graph.get(), 0));
  step_ = GraphExec(step);
  HQQ_CUDA_CHECK(cudaGraphUpload(step_.get(), stream_.get()));
}

ChooseArgs DeviceModel::choose_args() const {
  return {.logits = logits_.as<float>(),
          .vocab = static_cast<int>(shape_.vocab),
          .seen = seen_.as<uint8_t>(),
          .state = state_.as<DecodeState>(),
          .chosen = chosen_.as<unsigned long long>()};
}

void DeviceModel::decode_start(const HqqCudaDecode& options) {
  const DeviceScope scope(ordinal_);
  require(finished_ && !decoding_ && options.last_row >= 0 && options.last_row < last_tokens_ &&
              options.max_new_tokens >= 1 && options.position + options.max_new_tokens - 1 <= shape_.context,
          ErrorCode::internal, "decode: bad request");
  if (!step_) capture_step();
  const DecodeState state{.token = 0,
                          .position = static_cast<int>(options.position) - 1,
                          .step = 0,
                          .penalty = static_cast<float>(options.repetition_penalty)};
  stream_.synchronize();
  std::memset(chosen_.data(), 0, static_cast<size_t>(chosen_.bytes()));
  if (state.penalty != 1.0f) {
    std::memset(host_.data(), 0, static_cast<size_t>(shape_.vocab));
    for (int64_t i = 0; i < options.prompt_tokens; ++i) host_.as<uint8_t>()[options.prompt[i]] = 1;
    HQQ_CUDA_CHECK(cudaMemcpyAsync(seen_.data(), host_.data(), static_cast<size_t>(shape_.vocab),
                                   cudaMemcpyHostToDevice, stream_.get()));
  }
  HQQ_CUDA_CHECK(cudaMemcpyAsync(state_.data(), &state, sizeof state, cudaMemcpyHostToDevice, stream_.get()));
  stream_.synchronize();
  decoding_ = true;
  enqueue_head(options.last_row, 1);
  choose_greedy(choose_args(), target_);
  launched_ = 1;
  taken_ = 0;
  wanted_ = options.max_new_tokens;
}

int32_t DeviceModel::decode_next() {
  const DeviceScope scope(ordinal_);
  require(decoding_ && taken_ < wanted_, ErrorCode::internal, "decode: nothing left to choose");
  for (; launched_ < wanted_ && launched_ - taken_ < kStepsAhead; ++launched_)
    HQQ_CUDA_CHECK(cudaGraphLaunch(step_.get(), stream_.get()));
  const std::atomic_ref<unsigned long long> slot(chosen_.as<unsigned long long>()[taken_ % kChosenSlots]);
  const auto expected = static_cast<unsigned long long>(taken_ + 1);
  for (int spins = 0;; ++spins) {
    const unsigned long long value = slot.load(std::memory_order_acquire);
    if (value >> 32 == expected) {
      ++taken_;
      return static_cast<int32_t>(value & 0xffffffffu);
    }
    if (spins < kSpins) continue;
    spins = 0;
    const cudaError_t state = cudaStreamQuery(stream_.get());
    if (state == cudaErrorNotReady) continue;
    HQQ_CUDA_CHECK(state);
    require(slot.load(std::memory_order_acquire) >> 32 == expected, ErrorCode::internal, "decode: a step gave no id");
  }
}

void DeviceModel::decode_stop() {
  const DeviceScope scope(ordinal_);
  if (!decoding_) return;
  decoding_ = false;
  stream_.synchronize();
}

}  // namespace hqq::cuda
