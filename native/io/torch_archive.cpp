#include "io/torch_archive.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "io/torch_types.h"

namespace hqq {
namespace {

bool is_dense(const Shape& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

/// Whether every element has bytes of its own: each stride steps over everything that the smaller ones reach. Also bounds the size of
/// what is made of the tensor by that of its storage.
bool is_disjoint(const Shape& shape, const std::vector<int64_t>& strides) {
  std::vector<size_t> order(shape.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strides[a] < strides[b]; });
  int64_t reach = 0;  // largest offset so far
  for (const size_t i : order) {
    if (shape[i] == 1) continue;
    if (strides[i] <= reach) return false;
    reach += (shape[i] - 1) * strides[i];
  }
  return true;
}

/// Copies a strided tensor row by row into dense memory.
Buffer gathered(std::span<const std::byte> storage, const Shape& shape, const std::vector<int64_t>& strides, int64_t element) {
  const int64_t count = numel(shape);
  Buffer out(count * element, MemoryUse::scratch);
  std::vector<int64_t> index(shape.size(), 0);
  int64_t from = 0;
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(out.data() + i * element, storage.data() + from * element, static_cast<size_t>(element));
    for (size_t d = shape.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace

TorchArchive::TorchArchive(std::shared_ptr<const MappedFile> file, const SafetensorsLimits& limits)
    : file_(std::move(file)), limits_(limits), members_(read_zip_directory(file_->bytes(), file_->path())) {
  constexpr std::string_view pickle_name = "/data.pkl";
  const auto ends = [&](const auto& member) { return member.first.ends_with(pickle_name); };
  const auto found = std::find_if(members_.begin(), members_.end(), ends);
  require(found != members_.end(), ErrorCode::bad_file, path() + ": holds no data.pkl, so it is no file of torch.save");
  require(std::count_if(members_.begin(), members_.end(), ends) == 1, ErrorCode::bad_file, path() + ": holds data.pkl more than once");
  prefix_ = found->first.substr(0, found->first.size() - pickle_name.size() + 1);
  const auto content = [&](const ZipMember& member) {
    return file_->bytes().subspan(static_cast<size_t>(member.offset), static_cast<size_t>(member.bytes));
  };
  if (const auto order = members_.find(prefix_ + "byteorder"); order != members_.end()) {
    const auto text = content(order->second);
    const bool little = text.size() == 6 && std::memcmp(text.data(), "little", 6) == 0;
    require(little, ErrorCode::unsupported, path() + ": was written on a machine of another byte order; save it again on this one");
  }
  pickle_ = std::make_unique<Pickle>(content(found->second), path() + ": data.pkl");
}

void TorchArchive::fail(const std::string& name, const std::string& rule) const {
  // A zero byte would end the message.
  std::string shown = name.substr(0, 200);
  std::replace(shown.begin(), shown.end(), '\0', '?');
  throw EngineError(ErrorCode::bad_file, path() + ": \"" + shown + "\" " + rule);
}

std::vector<int64_t> TorchArchive::extents(const Pickle::Value& value, const std::string& name, const char* what) const {
  std::vector<int64_t> out;
  for (const Pickle::Ref ref : pickle_->items(value)) {
    const Pickle::Value& item = (*pickle_)[ref];
    if (item.kind != Pickle::Kind::integer || item.integer < 0) fail(name, std::string("has a ") + what + " that is not made of whole numbers >= 0");
    out.push_back(item.integer);
  }
  if (static_cast<int64_t>(out.size()) > limits_.max_rank) fail(name, "has more than " + std::to_string(limits_.max_rank) + " dimensions");
  return out;
}

ZipMember TorchArchive::storage(const Pickle::Value& value, const std::string& name, std::string& dtype, int64_t& element_bytes) {
  const auto parts = pickle_->items(value);
  const std::string_view type = (*pickle_)[parts[0]].text, key = (*pickle_)[parts[1]].text;
  const int64_t elements = (*pickle_)[parts[3]].integer;
  const auto* known = std::find_if(std::begin(kTorchStorages), std::end(kTorchStorages), [&](const auto& t) { return type == "torch." + std::string(t.name); });
  if (known == std::end(kTorchStorages)) fail(name, "lies in a storage of type " + std::string(type) + ", which has no elements");
  dtype = known->dtype;
  element_bytes = known->bytes;
  const std::string member = prefix_ + "data/" + std::string(key.substr(0, 200));
  const auto found = members_.find(member);
  if (found == members_.end()) fail(name, "lies in the storage \"" + member + "\", which the archive does not hold");
  if (elements < 0 || elements > found->second.bytes / known->bytes || elements * known->bytes != found->second.bytes)
    fail(name, "lies in a storage of " + std::to_string(elements) + " elements, but \"" + member + "\" has " + std::to_string(found->second.bytes) + " bytes");
  if (type_of_.emplace(std::string(key), dtype).first->second != dtype) fail(name, "lies in the storage \"" + member + "\", which overlaps one of another type");
  return found->second;
}

TorchTensor TorchArchive::tensor(const Pickle::Value& value, std::string name) {
  if (name.empty() || static_cast<int64_t>(name.size()) > limits_.max_name_bytes || name.find('\0') != std::string::npos)
    fail(name, "is an empty, too long or broken name");
  const auto parts = pickle_->items(value);
  TorchTensor out;
  int64_t element = 0;
  const ZipMember member = storage((*pickle_)[parts[0]], name, out.spec.dtype, element);
  const int64_t begin = (*pickle_)[parts[1]].integer;
  const Shape shape = extents((*pickle_)[parts[2]], name, "shape");
  const std::vector<int64_t> strides = extents((*pickle_)[parts[3]], name, "stride");
  if (strides.size() != shape.size()) fail(name, "has " + std::to_string(strides.size()) + " strides for " + std::to_string(shape.size()) + " dimensions");
  const int64_t available = member.bytes / element;
  if (begin < 0 || begin > available) fail(name, "starts outside its storage");

  int64_t count = 1, last = begin;
  bool outside = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t step = 0;
    outside = __builtin_mul_overflow(count, shape[i], &count) || outside;
    outside = __builtin_mul_overflow(strides[i], std::max<int64_t>(shape[i] - 1, 0), &step) || outside;
    outside = __builtin_add_overflow(last, step, &last) || outside;
  }
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if (!empty && (outside || last >= available)) fail(name, "of shape " + to_string(shape) + " reaches beyond its storage of " + std::to_string(available) + " elements");
  if (!empty && !is_disjoint(shape, strides)) fail(name, "has overlapping elements; save it again after .contiguous()");

  out.spec.name = std::move(name);
  out.spec.shape = shape;
  out.spec.bytes = empty ? 0 : count * element;
  out.offset = member.offset + begin * element;
  if (!empty && !is_dense(shape, strides)) {
    out.make = [file = file_, offset = out.offset, end = member.offset + member.bytes, shape, strides, element] {
      return gathered(file->bytes().subspan(static_cast<size_t>(offset), static_cast<size_t>(end - offset)), shape, strides, element);
    };
  }
  return out;
}

}  // namespace hqq
