// Large tensors must come from the arena: Electron's allocator traps on malloc of 1-2 GB. This executable watches every malloc
// and operator new while a matrix above 64 MiB is quantized, packed and dequantized.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "core/arena.h"
#include "quant/dequantize.h"
#include "quant/quantize.h"
#include "tests/support/check.h"

namespace {

constexpr size_t kLimit = size_t{64} << 20;
std::atomic<size_t> largest_request{0};

void note(size_t bytes) {
  size_t seen = largest_request.load(std::memory_order_relaxed);
  while (bytes > seen && !largest_request.compare_exchange_weak(seen, bytes)) {
  }
}

}  // namespace

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
// Visible to the C++ runtime too, so that operator new is covered. glibc keeps its own functions under these names.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
__attribute__((visibility("default"))) void* malloc(size_t n) { return note(n), __libc_malloc(n); }
__attribute__((visibility("default"))) void* calloc(size_t n, size_t size) { return note(n * size), __libc_calloc(n, size); }
__attribute__((visibility("default"))) void* realloc(void* p, size_t n) { return note(n), __libc_realloc(p, n); }
__attribute__((visibility("default"))) void* aligned_alloc(size_t a, size_t n) { return note(n), __libc_memalign(a, n); }
}
#else
// Where malloc cannot be replaced (sanitizers, other C libraries), operator new is watched alone.
void* operator new(size_t n) {
  note(n);
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
#endif

namespace hqq {
namespace {

// 4112 x 4096 float32 is 64.25 MiB; its unpacked integers and its dequantized copy scale with it.
constexpr int64_t kRows = 4112, kCols = 4096;

TEST("the watch sees a large allocation") {
  largest_request = 0;
  { std::vector<char> large(kLimit + 1); }
  CHECK(largest_request.load() > kLimit);
}

TEST("quantizing a matrix above 64 MiB allocates nothing large outside the arena") {
  const Buffer weight(kRows * kCols * 4, MemoryUse::weights);
  CHECK(static_cast<size_t>(weight.bytes()) > kLimit);
  uint32_t state = 1;
  for (float& w : weight.span<float>()) {
    state = state * 1664525u + 1013904223u;
    w = (static_cast<float>(state >> 8) * 0x1p-24f - 0.5f) * 0.1f;
  }
  const Buffer back(weight.bytes(), MemoryUse::scratch);
  largest_request = 0;
  for (const int axis : {0, 1}) {
    QuantConfig config;
    config.axis = axis;
    config.group_size = 16;  // many groups: scales, zeros and the zero history are large too
    const QuantizedTensor tensor = quantize({weight.data(), DType::f32, {kRows, kCols}}, config);
    dequantize(tensor, back.as<float>());
  }
  // Far stricter than the rule, so that anything that grows with the tensor is noticed.
  CHECK(largest_request.load() < (size_t{2} << 20), "largest malloc: ", largest_request.load(), " bytes");
}

TEST("the stated peak is not exceeded") {
  QuantConfig config;
  config.group_size = 16;
  const Shape shape{1024, 2048};
  const Buffer weight(numel(shape) * 4, MemoryUse::weights);
  int next = 0;
  for (float& w : weight.span<float>()) w = static_cast<float>(next++ % 977) * 1e-4f;
  const QuantizeMemory stated = quantize_memory(shape, config);
  reset_peak();
  const int64_t before = memory_counts().peak_total;
  const QuantizedTensor tensor = quantize({weight.data(), DType::f32, shape}, config);
  const int64_t peak = memory_counts().peak_total - before;
  CHECK_EQ(tensor.bytes(), stated.result);
  CHECK(peak <= stated.result + stated.scratch, peak, " bytes, stated ", stated.result + stated.scratch);
}

}  // namespace
}  // namespace hqq
