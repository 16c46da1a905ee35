// Writes small GGUF files for tests, sound or broken on purpose.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace hqq::test {

class GgufFileMaker {
 public:
  GgufFileMaker& text(const std::string& key, const std::string& value) { return entry(key, 8, string(value)); }
  GgufFileMaker& number(const std::string& key, uint32_t value) { return entry(key, 4, raw(value)); }
  GgufFileMaker& entry(const std::string& key, uint32_t kind, const std::string& value) {
    metadata_ += string(key) + raw(kind) + value;
    ++entries_;
    return *this;
  }
  /// `shape`: innermost first, as the file has it. `data` is padded to the alignment.
  GgufFileMaker& tensor(const std::string& name, const std::vector<uint64_t>& shape, uint32_t type, const std::string& data) {
    return tensor_at(name, shape, type, data_.size(), data);
  }
  GgufFileMaker& tensor_at(const std::string& name, const std::vector<uint64_t>& shape, uint32_t type, uint64_t offset,
                           const std::string& data) {
    infos_ += string(name) + raw(static_cast<uint32_t>(shape.size()));
    for (const uint64_t extent : shape) infos_ += raw(extent);
    infos_ += raw(type) + raw(offset);
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensors_;
    return *this;
  }

  std::string header(uint32_t version = 3) const { return "GGUF" + raw(version) + raw(tensors_) + raw(entries_) + metadata_ + infos_; }
  std::string file() const {
    std::string out = header();
    out.resize((out.size() + 31) / 32 * 32);
    return out + data_;
  }

  template <typename T>
  static std::string raw(T value) {
    std::string out(sizeof(T), '\0');
    std::memcpy(out.data(), &value, sizeof(T));
    return out;
  }
  static std::string string(const std::string& text) { return raw(static_cast<uint64_t>(text.size())) + text; }

 private:
  std::string metadata_, infos_, data_;
  uint64_t entries_ = 0, tensors_ = 0;
};

}  // namespace hqq::test
