# Warnings are errors in our code. Floating-point contraction is off everywhere: quantized values must not differ between
# instruction sets; kernels that want a fused multiply-add say so with intrinsics.
add_library(hqq_flags INTERFACE)
target_include_directories(hqq_flags INTERFACE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_options(hqq_flags INTERFACE -Wall -Wextra -Wshadow -Werror -ffp-contract=off)
# GCC 12 reports false positives from inlined std:: code at -O3.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hqq_flags INTERFACE -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized -Wno-restrict -Wno-psabi)
endif()
if(HQQ_SANITIZE)
  target_compile_options(hqq_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(hqq_flags INTERFACE -fsanitize=address,undefined)
endif()
