// Choosing the next id where the logits are, and the loss of known ids: so that only ids and sums leave the device.
#pragma once

#include "cuda/launch.cuh"

namespace hqq::cuda {

/// What one step of the decode loop hands to the next.
struct DecodeState {
  int token = 0;     // to be run next
  int position = 0;  // where it will stand
  int step = 0;      // ids chosen so far
  float penalty = 1;
};

/// Slots of the ring of chosen ids in host memory: (step + 1) << 32 | id, written after step `step`.
constexpr int kChosenSlots = 64;

struct ChooseArgs {
  float* logits = nullptr;  // [vocab]
  int vocab = 0;
  uint8_t* seen = nullptr;  // [vocab]: ids that the penalty counts; the chosen one is added
  DecodeState* state = nullptr;
  unsigned long long* chosen = nullptr;  // host memory, [kChosenSlots]
};

/// Greedy: the largest logit after the repetition penalty, the lowest id of equals. Advances the state.
void choose_greedy(const ChooseArgs& args, const Target& target);

/// loss[r] = log sum exp(logits[r]) - logits[r][targets[r]]
void row_losses(const float* logits, int rows, int vocab, const int* targets, float* loss, const Target& target);

}  // namespace hqq::cuda
