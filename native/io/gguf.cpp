#include "io/gguf.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "io/gguf_blocks.h"

namespace hqq {
namespace {

constexpr int64_t kMaxRank = 4;
constexpr int64_t kMaxExtent = int64_t{1} << 40;
constexpr int64_t kDefaultAlignment = 32;
constexpr int kMaxDepth = 4;  // of lists in lists

enum Kind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, list, u64, i64, f64, kinds };

/// Least bytes that a value of this kind takes: what a claimed count is held against.
int64_t least_bytes(uint32_t kind) {
  switch (kind) {
    case u8: case i8: case boolean: return 1;
    case u16: case i16: return 2;
    case u32: case i32: case f32: return 4;
    case list: return 12;
    default: return 8;
  }
}

/// Reads the header front to back; every failure names the file and the field.
class GgufReader {
 public:
  GgufReader(std::span<const std::byte> file, const std::string& path, const GgufLimits& limits)
      : file_(file), path_(path), limits_(limits) {}

  GgufFile read() {
    if (file_.size() < 4 || std::memcmp(file_.data(), "GGUF", 4) != 0) fail("it does not begin with \"GGUF\"");
    at_ = 4;
    const auto version = number<uint32_t>("version");
    require(version == 2 || version == 3, ErrorCode::unsupported,
            path_ + ": GGUF version " + std::to_string(version) + " is not read, only 2 and 3 (little-endian)");
    const int64_t tensors = count("tensor count", limits_.max_tensors, 24);
    const int64_t entries = count("metadata count", limits_.max_metadata, 13);
    GgufFile out;
    out.metadata = read_metadata(entries);
    for (int64_t i = 0; i < tensors; ++i) out.tensors.push_back(read_tensor());
    place(out);
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& rule) const {
    throw EngineError(ErrorCode::bad_file, path_ + " is not a valid GGUF file: " + rule);
  }
  [[noreturn]] void fail(const std::string& field, const std::string& rule) const {
    fail("\"" + field.substr(0, 200) + "\" " + rule);
  }

  int64_t left() const { return static_cast<int64_t>(file_.size()) - at_; }

  template <typename T>
  T number(const std::string& field) {
    if (left() < static_cast<int64_t>(sizeof(T))) fail(field, "is cut off; the file is truncated");
    T value;
    std::memcpy(&value, file_.data() + at_, sizeof(T));
    at_ += static_cast<int64_t>(sizeof(T));
    return value;
  }

  /// A 64-bit count of things that take at least `each` bytes.
  int64_t count(const std::string& field, int64_t limit, int64_t each) {
    const auto value = number<uint64_t>(field);
    if (value > static_cast<uint64_t>(limit)) fail(field, "is " + std::to_string(value) + ", above the limit of " + std::to_string(limit));
    if (static_cast<int64_t>(value) > left() / each) fail(field, "claims more than the file holds; the file is truncated");
    return static_cast<int64_t>(value);
  }

  std::string string(const std::string& field, int64_t limit) {
    const int64_t length = count(field, limit, 1);
    std::string value(reinterpret_cast<const char*>(file_.data()) + at_, static_cast<size_t>(length));
    at_ += length;
    return value;
  }

  Json value(uint32_t kind, const std::string& key, int depth) {
    if (++values_ > limits_.max_values) fail(key, "brings the number of values above the limit");
    switch (kind) {
      case u8: return Json(int64_t{number<uint8_t>(key)});
      case i8: return Json(int64_t{number<int8_t>(key)});
      case u16: return Json(int64_t{number<uint16_t>(key)});
      case i16: return Json(int64_t{number<int16_t>(key)});
      case u32: return Json(int64_t{number<uint32_t>(key)});
      case i32: return Json(int64_t{number<int32_t>(key)});
      case f32: return Json(static_cast<double>(number<float>(key)));
      case boolean: return Json(number<uint8_t>(key) != 0);
      case text: return Json(string(key, static_cast<int64_t>(file_.size())));
      case list: return items(key, depth + 1);
      case u64: {
        const auto wide = number<uint64_t>(key);
        if (wide > static_cast<uint64_t>(INT64_MAX)) fail(key, "is too large a number");
        return Json(static_cast<int64_t>(wide));
      }
      case i64: return Json(number<int64_t>(key));
      case f64: return Json(number<double>(key));
      default: fail(key, "has the unknown type " + std::to_string(kind));
    }
  }

  Json items(const std::string& key, int depth) {
    if (depth > kMaxDepth) fail(key, "is a list in too many lists");
    const auto kind = number<uint32_t>(key);
    if (kind >= kinds) fail(key, "is a list of the unknown type " + std::to_string(kind));
    const int64_t length = count(key, limits_.max_items, least_bytes(kind));
    Json::Array out;
    out.reserve(static_cast<size_t>(length));
    for (int64_t i = 0; i < length; ++i) out.push_back(value(kind, key, depth));
    return out;
  }

  Json read_metadata(int64_t entries) {
    Json::Object out;
    std::set<std::string> seen;
    for (int64_t i = 0; i < entries; ++i) {
      const std::string key = string("metadata key", limits_.max_name_bytes);
      if (!seen.insert(key).second) fail(key, "is there twice");
      const auto kind = number<uint32_t>(key);
      out.emplace_back(key, value(kind, key, 0));
    }
    return out;
  }

  GgufTensor read_tensor() {
    GgufTensor tensor;
    tensor.name = string("tensor name", limits_.max_name_bytes);
    if (tensor.name.empty() || tensor.name.find('\0') != std::string::npos) fail("a tensor has no usable name");
    const auto rank = number<uint32_t>(tensor.name);
    if (rank > kMaxRank) fail(tensor.name, "has " + std::to_string(rank) + " dimensions");
    for (uint32_t i = 0; i < rank; ++i) {
      const auto extent = number<uint64_t>(tensor.name);
      if (extent == 0 || extent > static_cast<uint64_t>(kMaxExtent)) fail(tensor.name, "has a dimension of " + std::to_string(extent));
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
    }
    tensor.type = number<uint32_t>(tensor.name);
    const auto offset = number<uint64_t>(tensor.name);
    if (offset > file_.size()) fail(tensor.name, "begins behind the end of the file");
    tensor.offset = static_cast<int64_t>(offset);
    return tensor;
  }

  /// Offsets become absolute; sizes follow from types and shapes; nothing may overlap or leave the file.
  void place(GgufFile& out) const {
    const Json* stated = out.metadata.find("general.alignment");
    if (stated != nullptr && !stated->is_int()) fail("general.alignment", "is no whole number");
    const int64_t alignment = stated ? stated->as_int() : kDefaultAlignment;
    if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0) fail("general.alignment", "is no power of two");
    const int64_t begin = (at_ + alignment - 1) / alignment * alignment;
    std::vector<const GgufTensor*> ordered;
    std::set<std::string_view> names;
    for (GgufTensor& tensor : out.tensors) {
      if (!names.insert(tensor.name).second) fail(tensor.name, "is there twice");
      if (tensor.offset % alignment != 0) fail(tensor.name, "does not begin at a multiple of " + std::to_string(alignment));
      tensor.offset += begin;
      tensor.bytes = bytes_of(tensor);
      if (tensor.bytes > static_cast<int64_t>(file_.size()) - tensor.offset) {
        fail(tensor.name, "ends behind the end of the file; the file is truncated");
      }
      ordered.push_back(&tensor);
    }
    std::sort(ordered.begin(), ordered.end(), [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
    for (size_t i = 1; i < ordered.size(); ++i) {
      if (ordered[i]->offset < ordered[i - 1]->offset + ordered[i - 1]->bytes) fail(ordered[i]->name, "overlaps another tensor");
    }
  }

  int64_t bytes_of(const GgufTensor& tensor) const {
    const GgufBlock* block = gguf_block(tensor.type);
    require(block != nullptr, ErrorCode::unsupported,
            path_ + ": tensor \"" + tensor.name.substr(0, 200) + "\" is of type " + gguf_type_name(tensor.type) +
                ", which is not read; take a file with Q4_0 to Q8_0, K-quants, F16, BF16 or F32");
    const int64_t innermost = tensor.shape.empty() ? 1 : tensor.shape.back();
    if (innermost % block->values != 0) fail(tensor.name, "has rows that do not fill its blocks of " + std::to_string(block->values));
    int64_t bytes = block->bytes;
    bool overflow = __builtin_mul_overflow(bytes, innermost / block->values, &bytes);
    for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) overflow = __builtin_mul_overflow(bytes, tensor.shape[i], &bytes) || overflow;
    if (overflow) fail(tensor.name, "has a shape whose size overflows");
    return bytes;
  }

  std::span<const std::byte> file_;
  const std::string& path_;
  const GgufLimits& limits_;
  int64_t at_ = 0;
  int64_t values_ = 0;
};

}  // namespace

GgufFile parse_gguf(std::span<const std::byte> file, const std::string& path, const GgufLimits& limits) {
  return GgufReader(file, path, limits).read();
}

}  // namespace hqq
