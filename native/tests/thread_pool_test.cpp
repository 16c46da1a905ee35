#include "core/thread_pool.h"

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

using Chunks = std::set<std::pair<int64_t, int64_t>>;

Chunks chunks_of(int64_t n, int64_t grain) {
  Chunks chunks;
  std::mutex mutex;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    CHECK(chunks.emplace(begin, end).second);
  });
  return chunks;
}

}  // namespace

TEST("chunks cover the range once and do not depend on the thread count") {
  const test::RestoreSettings restore;
  for (const auto& [n, grain] : std::vector<std::pair<int64_t, int64_t>>{{0, 4}, {1, 4}, {7, 3}, {64, 16}, {1000, 1}, {5, 0}}) {
    set_thread_count(1);
    const Chunks serial = chunks_of(n, grain);
    int64_t at = 0;
    for (const auto& [begin, end] : serial) {
      CHECK_EQ(begin, at);
      CHECK(end > begin);
      at = end;
    }
    CHECK_EQ(at, n);
    test::at_every_thread_count([&] { CHECK(chunks_of(n, grain) == serial); });
  }
}

TEST("several threads work when asked to") {
  const test::RestoreSettings restore;
  set_thread_count(3);
  std::atomic<int> waiting{0};
  // Each of three chunks waits until all three are being worked on.
  parallel_for(3, 1, [&](int64_t, int64_t) {
    ++waiting;
    while (waiting.load() < 3) std::this_thread::yield();
  });
  CHECK_EQ(waiting.load(), 3);
}

TEST("an exception reaches the caller and the pool stays usable") {
  test::at_every_thread_count([] {
    for (int round = 0; round < 20; ++round) {
      bool caught = false;
      try {
        parallel_for(100, 1, [](int64_t begin, int64_t) {
          if (begin == 57) throw std::runtime_error("chunk 57");
        });
      } catch (const std::runtime_error& e) {
        caught = std::string(e.what()) == "chunk 57";
      }
      CHECK(caught);
      std::atomic<int64_t> sum{0};
      parallel_for(10, 1, [&](int64_t begin, int64_t) { sum += begin; });
      CHECK_EQ(sum.load(), 45);
    }
  });
}

TEST("nested loops run, serially") {
  const test::RestoreSettings restore;
  set_thread_count(4);
  std::atomic<int64_t> count{0};
  parallel_for(8, 1, [&](int64_t, int64_t) {
    const auto self = std::this_thread::get_id();
    parallel_for(8, 1, [&](int64_t, int64_t) {
      CHECK(std::this_thread::get_id() == self);
      ++count;
    });
  });
  CHECK_EQ(count.load(), 64);
}

TEST("callers from several threads at once all get their work done") {
  const test::RestoreSettings restore;
  set_thread_count(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> total{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        int64_t chunk_sum[16] = {};
        parallel_for(16, 1, [&](int64_t begin, int64_t) { chunk_sum[begin] = begin; });
        for (const int64_t v : chunk_sum) total += v;
      }
    });
  }
  for (std::thread& t : callers) t.join();
  CHECK_EQ(total.load(), 4 * 2000 * 120);
}

TEST("the thread count can change between loops, and zero restores the default") {
  const int fallback = thread_count();
  CHECK(fallback >= 1);
  for (int round = 0; round < 50; ++round) {
    set_thread_count(1 + round % 5);
    CHECK_EQ(thread_count(), 1 + round % 5);
    std::atomic<int> count{0};
    parallel_for(20, 1, [&](int64_t, int64_t) { ++count; });
    CHECK_EQ(count.load(), 20);
  }
  set_thread_count(0);
  CHECK_EQ(thread_count(), fallback);
}

}  // namespace hqq
