# Each tests/fuzz_NAME.cpp is a libFuzzer executable with the seeds in tests/corpus/NAME (clang only, HQQ_FUZZ=ON):
#   fuzz_safetensors -max_total_time=60 CORPUS-COPY native/tests/corpus/safetensors
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "HQQ_FUZZ needs clang (CXX=clang++)")
endif()
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/fuzz_*.cpp)
target_compile_options(engine PRIVATE -fsanitize=fuzzer-no-link)
foreach(source IN LISTS fuzz_sources)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE engine)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
