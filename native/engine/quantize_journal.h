// The record of a quantization in progress, beside its output: one JSON line on what is being made, then one line for
// each finished tensor with the hash of what was written. A line is written after its data, and data is trusted only
// when its hash still fits, so no crash can make a resumed run take over something that is not there.
#pragma once

#include <map>
#include <string>

#include "io/output_file.h"

namespace hqq {

/// File name of the journal in the output folder. The caller removes it when it takes the folder over.
inline constexpr const char* kJournalName = "quantize-journal.jsonl";

/// Hashes of everything that decides the result.
struct JobIdentity {
  std::string source;  // names, sizes, times and headers of the source files
  std::string plan;    // choices and places of all outputs
  std::string engine;  // version
};

struct FinishedTensor {
  std::string sha256;  // over the outputs of the item, in their order
  double mean_abs_error = 0;
  double relative_error = 0;
  double seconds = 0;
  int64_t iterations = 0;
};

class QuantizeJournal {
 public:
  /// Opens the journal of `dir`, or begins one. Throws EngineError{bad_input} when the folder holds work on another
  /// source, plan or engine version, {bad_file} when the journal's first line cannot be read; a torn last line is
  /// dropped.
  QuantizeJournal(const std::string& dir, const JobIdentity& identity);

  /// What earlier runs recorded, by source tensor.
  const std::map<std::string, FinishedTensor>& finished() const { return finished_; }
  void add(const std::string& tensor, const FinishedTensor& finished);
  /// What was recorded of this tensor no longer counts.
  void discard(const std::string& tensor);
  void sync() { file_.sync(); }

 private:
  void read(const std::string& text, const JobIdentity& identity);

  OutputFile file_;
  std::map<std::string, FinishedTensor> finished_;
};

}  // namespace hqq
