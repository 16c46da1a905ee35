#include "core/arena.h"

#include <utility>

#include "core/error.h"
#include "core/tensor.h"
#include "tests/support/check.h"

namespace hqq {
namespace {

int64_t live(MemoryUse use) { return memory_counts().live[static_cast<size_t>(use)]; }

}  // namespace

TEST("buffers are zeroed, aligned and counted by purpose") {
  for (const int64_t bytes : {int64_t{1}, int64_t{100}, int64_t{1} << 19, int64_t{1} << 20, (int64_t{3} << 20) + 5}) {
    const int64_t before = live(MemoryUse::kv_cache), weights = live(MemoryUse::weights);
    {
      const Buffer buffer(bytes, MemoryUse::kv_cache);
      CHECK_EQ(buffer.bytes(), bytes);
      CHECK_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
      for (const uint8_t byte : buffer.span<uint8_t>()) CHECK_EQ(int{byte}, 0);
      buffer.as<uint8_t>()[bytes - 1] = 1;
      CHECK_EQ(live(MemoryUse::kv_cache), before + bytes);
      CHECK_EQ(live(MemoryUse::weights), weights);
    }
    CHECK_EQ(live(MemoryUse::kv_cache), before);
  }
}

TEST("moving hands the memory over once") {
  const int64_t before = live(MemoryUse::scratch);
  Buffer a(1000, MemoryUse::scratch);
  const std::byte* data = a.data();
  Buffer b(std::move(a));
  CHECK(b.data() == data && b.bytes() == 1000);
  Buffer c(5 << 20, MemoryUse::scratch);
  c = std::move(b);
  CHECK(c.data() == data);
  CHECK_EQ(live(MemoryUse::scratch), before + 1000);
  c = Buffer();
  CHECK_EQ(live(MemoryUse::scratch), before);
  const Buffer nothing(0, MemoryUse::scratch);
  CHECK(nothing.data() == nullptr);
}

TEST("the peak is the highest total since it was reset") {
  reset_peak();
  const int64_t start = memory_counts().peak_total;
  {
    const Buffer a(2 << 20, MemoryUse::weights);
    const Buffer b(1 << 20, MemoryUse::scratch);
  }
  const Buffer c(1 << 10, MemoryUse::scratch);
  CHECK_EQ(memory_counts().peak_total, start + (3 << 20));
  reset_peak();
  CHECK_EQ(memory_counts().peak_total, start + (1 << 10));
}

TEST("memory the system does not have is refused with a sentence") {
  const int64_t before = live(MemoryUse::weights);
  try {
    const Buffer impossible(int64_t{1} << 60, MemoryUse::weights);
    FAIL("a buffer of 2^60 bytes was granted");
  } catch (const EngineError& e) {
    CHECK(e.code() == ErrorCode::out_of_memory);
    CHECK(std::string(e.what()).find("MiB") != std::string::npos, e.what());
  }
  CHECK_EQ(live(MemoryUse::weights), before);
  CHECK_THROWS_CODE(Buffer(-1, MemoryUse::weights), internal);
}

TEST("shapes: products, text and overflow") {
  CHECK_EQ(numel({}), 1);
  CHECK_EQ(numel({4096, 11008}), 4096 * 11008);
  CHECK_EQ(numel({int64_t{1} << 62, 0, int64_t{1} << 62}), 0);
  CHECK_EQ(to_string(Shape{4096, 11008}), "[4096, 11008]");
  CHECK_THROWS_CODE(numel({int64_t{1} << 32, int64_t{1} << 32}), bad_file);
  CHECK_THROWS_CODE(numel({4, -1}), bad_file);
}

}  // namespace hqq
