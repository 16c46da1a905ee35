# One .node file for Node and Electron: N-API only, no external buffers (Electron refuses them), napi_* left to the host.
file(GLOB addon_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/addon/*.cpp)
add_library(hqq_engine MODULE ${addon_sources})
set_target_properties(hqq_engine PROPERTIES PREFIX "" SUFFIX ".node")
target_include_directories(hqq_engine SYSTEM PRIVATE ${HQQ_NODE_INCLUDE})
target_compile_definitions(hqq_engine PRIVATE
  NAPI_VERSION=9 NAPI_CPP_EXCEPTIONS NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
target_link_libraries(hqq_engine PRIVATE engine)
target_link_options(hqq_engine PRIVATE -static-libstdc++ -static-libgcc)
