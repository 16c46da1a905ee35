// Quantizes a model folder tensor by tensor. The source is mapped, each result is written to its final place at once
// and recorded in a journal, so memory stays at a few times the largest tensor, a killed run goes on from its last
// finished tensor, and the files of a resumed run are byte for byte those of an uninterrupted one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/job.h"
#include "engine/quantize_plan.h"

namespace hqq {

/// A source whose files are still arriving: sparse files of their full size, with whole headers, filled in any order.
struct ArrivingSource {
  /// Stands for the contents in place of sizes and times, which change meanwhile.
  std::string identity;
  /// Source tensors whose earlier results came from bytes that proved wrong.
  std::vector<std::string> discard;
  /// Source tensors that have arrived; only these are worked on and nothing is assembled. None: all are done, and what
  /// is not is told instead of being read.
  std::optional<std::vector<std::string>> tensors;
};

struct QuantizeModelOptions {
  std::string model_dir;
  /// Staging folder owned by the caller; created when its parent exists. Gets model*.safetensors, the index of a
  /// sharded model, and the journal (engine/quantize_journal.h).
  std::string out_dir;
  std::vector<LayerChoice> choices;
  std::optional<DType> compute_dtype;
  std::string device = "cpu";  // or "cuda:UUID" (engine/device_field.h)
  int64_t max_file_bytes = 5'000'000'000;
  uint64_t seed = 0;  // of the text that methods with moments let the model write
  std::string text_ids_file{};  // or the text to measure on in its place (engine/self_moments.h)
  std::string store_dir{};      // of candidates (engine/candidate_store.h) that are taken over; empty: none
  std::string moments_file{};   // where moments are kept between runs; empty: nowhere
  std::optional<ArrivingSource> arriving = std::nullopt;
};

struct QuantizeModelResult {
  std::vector<std::string> files;  // names in out_dir, the index included; none before everything is done
  std::vector<std::string> missing;  // source tensors to be done again, when `arriving` had none left to do
  int64_t file_bytes = 0;
  int64_t quantized_tensors = 0;
  int64_t kept_tensors = 0;
  int64_t resumed_tensors = 0;  // of both kinds, taken over from an earlier run
  double seconds = 0;
  int64_t peak_bytes = 0;  // measured, above what the process had at the start
};

/// Progress and `tensor` events as in electron/contract/engine.ts. Throws EngineError: bad_input and unsupported (see
/// plan_quantization), bad_file, not_found, bad_weights naming the tensor, disk_full with what is needed and what is
/// free, not_writable, cancelled. Whatever was finished before an error stays for the next run.
QuantizeModelResult quantize_model(const QuantizeModelOptions& options, Reporter& reporter);

}  // namespace hqq
