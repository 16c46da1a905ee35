// libFuzzer target: any bytes as JSON. What parses must be written and parsed again to the same text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hqq::Json value;
  try {
    value = hqq::parse_json(text, {.max_bytes = 1 << 16});
  } catch (const hqq::EngineError& error) {
    if (error.code() != hqq::ErrorCode::bad_file) std::abort();
    return 0;
  }
  const std::string written = value.dump();
  if (hqq::parse_json(written).dump() != written) std::abort();
  if (hqq::parse_json(value.dump(2)).dump() != written) std::abort();
  return 0;
}
