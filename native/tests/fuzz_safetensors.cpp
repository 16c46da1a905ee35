// libFuzzer target: any bytes as a safetensors file. Whatever parses must keep the promises that readers rely on, and
// HQQ layers in it must either load or be refused.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    std::map<std::string, std::string> metadata;
    int64_t covered = 0;
    for (const hqq::TensorEntry& entry : hqq::parse_safetensors_header(file, "fuzz", &metadata)) {
      const bool inside =
          entry.offset >= 8 && entry.bytes >= 0 && entry.offset + entry.bytes <= static_cast<int64_t>(size);
      if (!inside || entry.name.empty()) std::abort();
      covered += entry.bytes;
      hqq::numel(entry.shape);
    }
    if (covered > static_cast<int64_t>(size) - 8) std::abort();
  } catch (const hqq::EngineError& error) {
    if (error.code() != hqq::ErrorCode::bad_file) std::abort();
  }
  return 0;
}
