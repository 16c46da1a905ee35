# libhqq_cuda.so (the engine's GPU half) and cuda_ops (the same objects, for tests and benchmarks of single ops).
# nvcc is called by plain custom commands, not through CMake's CUDA language: CMake 3.25 does not know nvcc 13's C++20,
# tries to link with a library folder that the compiler from PyPI does not have, and asks for no GPU architecture by file.
set(HQQ_NVCC "" CACHE FILEPATH "nvcc 12.8 or later; empty looks for it")
set(HQQ_CUDA_ARCHS "80;86;89;90a;120" CACHE STRING "Architectures with machine code; 80 also gets PTX for all newer ones")
set(HQQ_CUDA_FLAGS "" CACHE STRING "More flags for nvcc, e.g. -lineinfo")
if(NOT HQQ_NVCC)
  find_program(found_nvcc nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin REQUIRED)
  set(HQQ_NVCC ${found_nvcc} CACHE FILEPATH "nvcc 12.8 or later; empty looks for it" FORCE)
endif()

get_filename_component(nvcc_real ${HQQ_NVCC} REALPATH)
get_filename_component(cuda_root ${nvcc_real}/../.. REALPATH)
find_path(cuda_include cuda_runtime_api.h HINTS ${cuda_root}/include ${cuda_root}/targets/x86_64-linux/include
  NO_DEFAULT_PATH REQUIRED)
find_library(cuda_runtime libcudart_static.a HINTS ${cuda_root}/lib ${cuda_root}/lib64 ${cuda_root}/targets/x86_64-linux/lib
  NO_DEFAULT_PATH REQUIRED)

set(nvcc_flags -std=c++20 -O3 --expt-relaxed-constexpr -Werror all-warnings -ccbin ${CMAKE_CXX_COMPILER}
  -I${CMAKE_CURRENT_SOURCE_DIR} -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra,-ffp-contract=off
  "-Xcompiler=-fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=" ${HQQ_CUDA_FLAGS})

# One object from one .cu file. A file named *_sm90a.cu uses instructions of Hopper alone and is compiled for 90a where
# that is among the architectures (its callers ask for the compute capability first), else it compiles to its host half.
function(hqq_cuda_object source result)
  set(archs ${HQQ_CUDA_ARCHS})
  if(source MATCHES "_sm90a\\.cu$" AND "90a" IN_LIST archs)
    set(archs 90a)
  endif()
  # 86 and 89 are Ampere's instructions scheduled anew: one pass of the compiler serves all three.
  set(ampere)
  set(codes)
  foreach(arch IN LISTS archs)
    if(arch MATCHES "^8[069]$" AND "80" IN_LIST archs)
      list(APPEND ampere sm_${arch})
    else()
      list(APPEND codes -gencode arch=compute_${arch},code=sm_${arch})
    endif()
  endforeach()
  if(ampere)
    list(JOIN ampere "," ampere)
    list(PREPEND codes -gencode "arch=compute_80,code=[${ampere},compute_80]")
  endif()
  file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR} ${source})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  get_filename_component(folder ${object} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${object} DEPENDS ${source} DEPFILE ${object}.d VERBATIM COMMENT "nvcc ${name}"
    COMMAND ${HQQ_NVCC} ${nvcc_flags} ${codes} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object})
  set(${result} ${object} PARENT_SCOPE)
endfunction()

file(GLOB cuda_device_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cu)
file(GLOB cuda_host_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cpp)
set(cuda_objects)
foreach(source IN LISTS cuda_device_sources)
  hqq_cuda_object(${source} object)
  list(APPEND cuda_objects ${object})
endforeach()
add_custom_target(cuda_device_code DEPENDS ${cuda_objects})

add_library(cuda_host OBJECT ${cuda_host_sources})
target_link_libraries(cuda_host PUBLIC hqq_flags)
target_include_directories(cuda_host SYSTEM PUBLIC ${cuda_include})
target_compile_definitions(cuda_host PRIVATE HQQ_VERSION="${HQQ_VERSION}")
target_compile_options(cuda_host PRIVATE -fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=)

add_library(cuda_ops STATIC ${cuda_objects})
add_dependencies(cuda_ops cuda_device_code)
set_target_properties(cuda_ops PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(cuda_ops PUBLIC cuda_host engine ${cuda_runtime} Threads::Threads ${CMAKE_DL_LIBS} rt)

# The library has a copy of its own of what it uses of the engine; nothing of either is visible outside.
add_library(hqq_cuda SHARED ${cuda_objects} $<TARGET_OBJECTS:cuda_host>)
add_dependencies(hqq_cuda cuda_device_code)
set_target_properties(hqq_cuda PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(hqq_cuda PRIVATE engine ${cuda_runtime} Threads::Threads ${CMAKE_DL_LIBS} rt)
target_link_options(hqq_cuda PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,-z,defs -s
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/cuda_exports.map)
set_target_properties(hqq_cuda PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/cuda_exports.map)

# Each tests/cuda/NAME_test.cpp|.cu and bench_NAME.cpp|.cu is a plain executable beside engine-cli. They skip, loudly, where
# there is no device, so they are no ctest cases.
if(HQQ_TESTS)
  file(GLOB cuda_test_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/cuda/*_test.c* ${CMAKE_CURRENT_SOURCE_DIR}/tests/cuda/bench_*.c*)
  file(GLOB cuda_support_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/cuda/support/*.cpp)
  add_custom_target(cuda_tests)
  foreach(source IN LISTS cuda_test_sources)
    get_filename_component(name ${source} NAME_WE)
    set(compiled ${source})
    if(source MATCHES "\\.cu$")
      hqq_cuda_object(${source} compiled)
    endif()
    add_executable(${name} ${compiled} ${cuda_support_sources})
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(${name} PRIVATE cuda_ops test_support)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
    add_dependencies(cuda_tests ${name})
  endforeach()
endif()
