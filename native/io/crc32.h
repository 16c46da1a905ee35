// CRC-32 as ZIP archives have it (reflected polynomial 0xEDB88320).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hqq {

/// Of `bytes` behind those that gave `before`; 0 begins.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace hqq
