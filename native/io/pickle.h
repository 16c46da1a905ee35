// A pickle read as data. Python's pickles are programs; this reader knows the few instructions and the few names that files of weights
// consist of, builds values from them and refuses everything else by name. Nothing is ever looked up, imported or called.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hqq {

/// Instructions are listed in pickle.cpp. Names: collections.OrderedDict; torch._utils._rebuild_tensor_v2, _rebuild_parameter;
/// torch.Size; torch's storage types and dtypes.
class Pickle {
 public:
  enum class Kind : uint8_t { none, boolean, integer, real, text, tuple, list, dict, global, storage, tensor };
  using Ref = uint32_t;

  struct Value {
    Kind kind = Kind::none;
    uint32_t items = 0;     // of tuple, list, dict, storage and tensor: index for items()
    int64_t integer = 0;    // integer and boolean
    double real = 0;
    std::string_view text = {};  // text; global: "torch.HalfStorage". Lies in the pickle or in this object.
  };

  /// `where` stands before the rule in errors. Keeps views into `bytes`. Throws EngineError{bad_file} naming the instruction, the name or
  /// the cap that stands against it.
  Pickle(std::span<const std::byte> bytes, std::string where);

  Ref root() const { return root_; }
  const Value& operator[](Ref ref) const { return values_[ref]; }
  /// Elements of a tuple or list; keys and values of a dict in turn; of a storage {type, key, location, elements}; of a tensor the
  /// arguments of _rebuild_tensor_v2: {storage, offset, size, stride, ...}.
  std::span<const Ref> items(const Value& value) const { return lists_[value.items]; }
  /// The last value of a text key; null when `dict` is no dict or has no such key.
  const Value* find(const Value& dict, std::string_view key) const;

 private:
  friend class PickleReader;

  std::vector<Value> values_;
  std::deque<std::vector<Ref>> lists_;
  std::deque<std::string> names_;  // of globals
  Ref root_ = 0;
};

}  // namespace hqq
