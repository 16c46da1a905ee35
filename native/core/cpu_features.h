// Which SIMD kernels run. Detected once; HQQ_SIMD=scalar|avx2|avx512|amx|neon lowers the choice, and tests switch at run time.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace hqq {

/// Ordered: a machine that has a level has the ones before it (on its own architecture).
/// avx512 means F+BW+VL+DQ with VNNI used where present; amx means avx512 plus AMX-INT8 and AMX-BF16 tiles.
enum class SimdLevel { scalar, avx2, avx512, amx, neon };

std::string_view to_string(SimdLevel level);
std::optional<SimdLevel> simd_level_from_string(std::string_view name);

/// Levels this CPU (and its operating system) can run, lowest first; always starts with scalar.
std::vector<SimdLevel> available_simd_levels();
/// The level in force. Throws EngineError{bad_input} once if HQQ_SIMD names one that is unknown or absent.
SimdLevel active_simd_level();
/// Switches every dispatched kernel; throws EngineError{bad_input} if the CPU lacks the level.
void set_simd_level(SimdLevel level);
/// AVX512-VNNI / AVX-VNNI presence, which changes the int8 dot product used at a level.
bool has_avx512_vnni();
bool has_avx_vnni();

}  // namespace hqq
