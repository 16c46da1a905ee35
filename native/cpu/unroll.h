// Loops whose index is a compile-time constant. GCC keeps an array of vectors in registers only if every index is known
// before its first passes run, which an ordinary loop, unrolled later, does not give.
#pragma once

#include <type_traits>
#include <utility>

namespace hqq {

/// body(std::integral_constant<int, 0>), ..., body(std::integral_constant<int, N - 1>)
template <int N, typename Body>
inline __attribute__((always_inline)) void unroll(Body&& body) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

}  // namespace hqq
