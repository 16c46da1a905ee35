#include "io/pickle_writer.h"

namespace hqq {

void PickleWriter::little(uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
}

void PickleWriter::text(std::string_view value) {
  out_ += 'X';  // BINUNICODE
  little(value.size(), 4);
  out_ += value;
}

void PickleWriter::integer(int64_t value) {
  if (value >= INT32_MIN && value <= INT32_MAX) {
    out_ += 'J';  // BININT
    little(static_cast<uint64_t>(value), 4);
  } else {
    out_ += "\x8a\x08";  // LONG1
    little(static_cast<uint64_t>(value), 8);
  }
}

void PickleWriter::global(std::string_view full) {
  const size_t dot = full.rfind('.');
  out_ += 'c';
  out_.append(full.substr(0, dot)).append("\n").append(full.substr(dot + 1)).append("\n");
}

void PickleWriter::tuple(const std::vector<int64_t>& values) {
  out_ += '(';
  for (const int64_t value : values) integer(value);
  out_ += 't';
}

void PickleWriter::size(const std::vector<int64_t>& extents) {
  global("torch.Size");
  tuple(extents);
  out_ += "\x85R";  // TUPLE1, REDUCE
}

/// Backward hooks: an empty OrderedDict.
void PickleWriter::no_hooks() {
  global("collections.OrderedDict");
  out_ += ")R";
}

void PickleWriter::tensor(const PickledTensor& tensor) {
  int64_t elements = 1;
  std::vector<int64_t> strides(tensor.shape.size());
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    strides[i] = elements;
    elements *= tensor.shape[i];
  }
  global("torch._utils._rebuild_tensor_v2");
  out_ += "((";
  text("storage");
  global("torch." + std::string(tensor.storage_type));
  text(tensor.key);
  text("cpu");
  integer(elements);
  out_ += "tQ";  // BINPERSID: the storage
  integer(0);
  tuple(tensor.shape);
  tuple(strides);
  boolean(false);
  no_hooks();
  out_ += "tR";
}

void PickleWriter::parameter(const PickledTensor& value) {
  global("torch._utils._rebuild_parameter");
  out_ += '(';
  tensor(value);
  boolean(false);
  no_hooks();
  out_ += "tR";
}

}  // namespace hqq
