#include "core/cpu_features.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hqq {
namespace {

constexpr std::array<std::pair<SimdLevel, std::string_view>, 5> kNames = {{
    {SimdLevel::scalar, "scalar"},
    {SimdLevel::avx2, "avx2"},
    {SimdLevel::avx512, "avx512"},
    {SimdLevel::amx, "amx"},
    {SimdLevel::neon, "neon"},
}};

struct Features {
  bool avx2 = false, avx512 = false, amx = false;
  bool avx512_vnni = false, avx_vnni = false;
};

#if defined(__x86_64__)
constexpr bool bit(unsigned word, int index) { return ((word >> index) & 1u) != 0; }

/// XCR0: which register state the operating system saves; an instruction set without it must not be used.
uint64_t read_xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

/// Linux gives the 8 KiB of tile data only to processes that ask (since 5.16). Other systems grant it through XCR0 alone.
bool request_amx_permission() {
#if defined(__linux__)
  constexpr int kArchReqXcompPerm = 0x1023, kXfeatureXtileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtileData) == 0;
#else
  return true;
#endif
}

Features detect() {
  Features f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  const bool osxsave = bit(c, 27), fma = bit(c, 12), f16c = bit(c, 29);
  if (!osxsave) return f;
  const uint64_t xcr0 = read_xcr0();
  const bool ymm_saved = (xcr0 & 0x6) == 0x6, zmm_saved = (xcr0 & 0xe6) == 0xe6;
  const bool tiles_saved = (xcr0 & 0x60000) == 0x60000;

  unsigned a7, b7, c7, d7;
  if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return f;
  f.avx2 = ymm_saved && fma && f16c && bit(b7, 5) && bit(b7, 8);  // AVX2, BMI2
  f.avx512 = f.avx2 && zmm_saved && bit(b7, 16) && bit(b7, 17) && bit(b7, 30) && bit(b7, 31);  // F, DQ, BW, VL
  f.avx512_vnni = f.avx512 && bit(c7, 11);
  // The avx512 files are compiled with VNNI, so a CPU without it (Skylake-X) runs at avx2.
  f.avx512 = f.avx512_vnni;
  f.amx = f.avx512 && tiles_saved && bit(d7, 24) && bit(d7, 25) && bit(d7, 22) && request_amx_permission();
  unsigned a71, b71, c71, d71;
  if (a7 >= 1 && __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71)) f.avx_vnni = f.avx2 && bit(a71, 4);
  return f;
}
#else
Features detect() { return {}; }
#endif

const Features& features() {
  static const Features detected = detect();
  return detected;
}

std::string names_of(const std::vector<SimdLevel>& levels) {
  std::string text;
  for (const SimdLevel level : levels) text += (text.empty() ? "" : ", ") + std::string(to_string(level));
  return text;
}

SimdLevel checked(std::optional<SimdLevel> level, std::string_view asked) {
  const std::vector<SimdLevel> levels = available_simd_levels();
  if (!level || std::find(levels.begin(), levels.end(), *level) == levels.end()) {
    throw EngineError(ErrorCode::bad_input, "this CPU has no SIMD level '" + std::string(asked) +
                                                "'; it has: " + names_of(levels));
  }
  return *level;
}

SimdLevel initial_level() {
  const char* wanted = std::getenv("HQQ_SIMD");
  if (wanted == nullptr || *wanted == '\0') return available_simd_levels().back();
  return checked(simd_level_from_string(wanted), wanted);
}

std::atomic<SimdLevel>& level_in_force() {
  // A throwing initializer leaves the variable unset; the fallback below makes the complaint happen once only.
  static std::atomic<bool> complained{false};
  static std::atomic<SimdLevel> level = [] {
    if (complained.exchange(true)) return available_simd_levels().back();
    return initial_level();
  }();
  return level;
}

}  // namespace

std::string_view to_string(SimdLevel level) {
  for (const auto& [value, name] : kNames) {
    if (value == level) return name;
  }
  return "scalar";
}

std::optional<SimdLevel> simd_level_from_string(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::vector<SimdLevel> available_simd_levels() {
  std::vector<SimdLevel> levels{SimdLevel::scalar};
#if defined(__aarch64__)
  levels.push_back(SimdLevel::neon);
#endif
  if (features().avx2) levels.push_back(SimdLevel::avx2);
  if (features().avx512) levels.push_back(SimdLevel::avx512);
  if (features().amx) levels.push_back(SimdLevel::amx);
  return levels;
}

SimdLevel active_simd_level() { return level_in_force().load(std::memory_order_relaxed); }
void set_simd_level(SimdLevel level) { level_in_force().store(checked(level, to_string(level))); }
bool has_avx512_vnni() { return features().avx512_vnni; }
bool has_avx_vnni() { return features().avx_vnni; }

}  // namespace hqq
