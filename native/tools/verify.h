// `engine-cli verify`: every native test and benchmark beside the program, with one table last. Needs no Node, so it is how
// a machine with a GPU is checked.
#pragma once

#include <span>
#include <string_view>

namespace hqq::tools {

/// Arguments: [--bench] [--need-cuda] [PART-OF-NAME]. --bench runs bench_* too; --need-cuda makes tests fail that would skip
/// for want of a device. Returns the exit status: 1 when something failed or nothing ran, 2 for wrong arguments.
int verify(std::span<const std::string_view> arguments);

}  // namespace hqq::tools
