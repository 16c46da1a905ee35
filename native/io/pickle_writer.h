// The few instructions of Python's pickle (protocol 2) that files of weights are written with: values, and the constructors of
// tensors. What is written, io/pickle.h reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hqq {

/// A tensor as it lies in the storage `key` of an archive, dense and from its beginning.
struct PickledTensor {
  std::string_view storage_type;  // "HalfStorage"
  std::string key;
  std::vector<int64_t> shape;
};

class PickleWriter {
 public:
  PickleWriter() : out_("\x80\x02") {}

  void begin_dict() { out_ += "}("; }
  void end_dict() { out_ += "u"; }
  void text(std::string_view value);
  void integer(int64_t value);
  void boolean(bool value) { out_ += value ? '\x88' : '\x89'; }
  void none() { out_ += 'N'; }
  /// `full`: "torch.float16"; the last dot separates module and name.
  void global(std::string_view full);
  /// A torch.Size.
  void size(const std::vector<int64_t>& extents);
  void tensor(const PickledTensor& tensor);
  /// The same as a torch.nn.Parameter without gradient.
  void parameter(const PickledTensor& tensor);
  /// The whole, its end included.
  std::string finish() { return out_ + "."; }

 private:
  void little(uint64_t value, int bytes);
  void tuple(const std::vector<int64_t>& values);
  void no_hooks();

  std::string out_;
};

}  // namespace hqq
