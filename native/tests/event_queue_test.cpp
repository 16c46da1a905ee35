// The queue between a job and its reader: order, lossless events, replaced progress, back-pressure and cancelling.
#include "engine/event_queue.h"

#include <thread>
#include <vector>

#include "tests/support/check.h"

namespace hqq {
namespace {

class CountingQueue final : public EventQueue {
 public:
  std::atomic<int> wakes{0};

 private:
  void wake() override { ++wakes; }
};

TEST("event queue: progress is replaced, events are not, order holds") {
  CountingQueue queue;
  queue.progress("1%");
  queue.progress("2%");
  queue.emit("a");
  queue.emit("b");
  queue.progress("3%");
  queue.progress("4%");
  const auto got = queue.take();
  CHECK((std::vector<std::string>(got.begin(), got.end()) == std::vector<std::string>{"2%", "a", "b", "4%"}));
  CHECK_EQ(queue.wakes.load(), 1);
  CHECK(queue.take().empty());
  queue.emit("c");
  CHECK_EQ(queue.wakes.load(), 2);
}

TEST("event queue: a slow reader makes the producer wait and loses nothing") {
  constexpr int events = 5000;
  CountingQueue queue;
  std::thread producer([&] {
    for (int i = 0; i < events; ++i) {
      queue.emit(std::to_string(i));
      queue.progress("progress");
    }
  });
  int next = 0;
  size_t most = 0;
  while (next < events) {
    size_t waiting = 0;
    for (const std::string& json : queue.take()) {
      ++waiting;
      if (json != "progress" && json != std::to_string(next++)) break;
    }
    most = std::max(most, waiting);
  }
  producer.join();
  CHECK_EQ(next, events);
  CHECK(most <= EventQueue::kMaxWaiting + 1, most, " waited at once");
}

TEST("event queue: cancelling frees a producer that waits for a reader who is gone") {
  CountingQueue queue;
  std::thread producer([&] {
    for (size_t i = 0; i < EventQueue::kMaxWaiting + 10; ++i) queue.emit("x");
  });
  queue.cancel();
  producer.join();
  CHECK(queue.cancelled());
  CHECK_EQ(queue.take().size(), EventQueue::kMaxWaiting + 10);
}

}  // namespace
}  // namespace hqq
