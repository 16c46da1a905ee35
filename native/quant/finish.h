// The last step of every method of quantizing: from the affine map of each group to integers, packed, with their metadata and the
// error they leave.
#pragma once

#include "core/job.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "quant/types.h"
#include "quant/weight_reader.h"

namespace hqq {

/// What a solver found, one map per group of the view: q = clamp(round(w * inverse_scale + zero), 0, 2^nbits - 1).
struct GroupMaps {
  explicit GroupMaps(int64_t groups)
      : inverse_scale(groups * 4, MemoryUse::scratch), zero(groups * 4, MemoryUse::scratch) {}
  Buffer inverse_scale;  // f32[groups]
  Buffer zero;           // f32[groups]
  int iterations = 0;
};

/// The maps that a reader of the stored metadata will have, where the config quantizes scales or zeros in turn.
GroupMaps as_stored(const GroupMaps& maps, const Grouping& view, const QuantConfig& config);

/// Rounds and packs `weight`; scale = 1 / inverse_scale and zero come out as float32, or quantized where the config asks. Fills
/// the errors of `stats` (may be null), measured against what a reader will reconstruct. Throws EngineError: cancelled,
/// out_of_memory.
QuantizedTensor finish_quantized(const TensorView& weight, const Grouping& view, const QuantConfig& config, PackFormat format,
                                 const GroupMaps& maps, QuantStats* stats, const Reporter& reporter);

}  // namespace hqq
