// The queue between the thread of a job and the JavaScript thread. Knows nothing of Node, so that it is tested without
// it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "core/job.h"

namespace hqq {

class EventQueue : public Reporter {
 public:
  /// Events that may wait for the reader before the producer has to.
  static constexpr size_t kMaxWaiting = 256;

  // Producer side, called by the job's thread.
  void progress(const std::string& json) override;
  void emit(const std::string& json) override;
  bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }

  /// From any thread: the producer stops at its next check, and no longer waits for the reader.
  void cancel();

  /// Takes everything that waits, oldest first.
  std::deque<std::string> take();

 protected:
  /// Tells the reader that something waits; called without the lock, at most once until the next take().
  virtual void wake() = 0;

 private:
  struct Item {
    std::string json;
    bool is_progress;
  };
  void push(const std::string& json, bool is_progress);

  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Item> items_;
  bool wake_pending_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace hqq
