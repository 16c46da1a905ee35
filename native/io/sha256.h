// SHA-256 (FIPS 180-4), with the CPU's SHA instructions where it has them: finished tensors are checked with it on
// resume.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hqq {

class Sha256 {
 public:
  /// `use_instructions` false takes the portable path even where the CPU has the instructions (tests).
  explicit Sha256(bool use_instructions = true);
  void update(std::span<const std::byte> data);
  void update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }
  /// The digest as 64 lower-case hexadecimal digits. The object is used up.
  std::string hex();

 private:
  void blocks(const std::byte* data, size_t count);

  bool use_instructions_;
  std::array<uint32_t, 8> state_;
  std::array<std::byte, 64> tail_{};
  size_t tail_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

}  // namespace hqq
