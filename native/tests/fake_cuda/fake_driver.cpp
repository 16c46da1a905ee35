// A pretended libcuda.so.1 for tests of what the engine says about drivers. FAKE_CUDA_DRIVER: the version it offers (13000 when
// unset); FAKE_CUDA_INIT: what cuInit answers (0).
#include <cstdlib>

namespace {

int number(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : fallback;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int cuDriverGetVersion(int* version) {
  *version = number("FAKE_CUDA_DRIVER", 13000);
  return 0;
}

__attribute__((visibility("default"))) int cuInit(unsigned) { return number("FAKE_CUDA_INIT", 0); }
}
