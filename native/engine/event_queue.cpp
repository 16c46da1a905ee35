#include "engine/event_queue.h"

#include <utility>

namespace hqq {

void EventQueue::progress(const std::string& json) { push(json, true); }

void EventQueue::emit(const std::string& json) { push(json, false); }

void EventQueue::push(const std::string& json, bool is_progress) {
  bool must_wake = false;
  {
    std::unique_lock lock(mutex_);
    if (is_progress && !items_.empty() && items_.back().is_progress) {
      items_.back().json = json;
    } else {
      if (!is_progress) room_.wait(lock, [&] { return items_.size() < kMaxWaiting || cancelled(); });
      items_.push_back({json, is_progress});
    }
    must_wake = !std::exchange(wake_pending_, true);
  }
  if (must_wake) wake();
}

void EventQueue::cancel() {
  {
    // Under the lock, or a producer that has just looked would sleep through the notice.
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
  }
  room_.notify_all();
}

std::deque<std::string> EventQueue::take() {
  std::deque<Item> items;
  {
    const std::scoped_lock lock(mutex_);
    items.swap(items_);
    wake_pending_ = false;
  }
  room_.notify_all();
  std::deque<std::string> out;
  for (Item& item : items) out.push_back(std::move(item.json));
  return out;
}

}  // namespace hqq
