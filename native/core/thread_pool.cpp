#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hqq {
namespace {

// About 50 us: longer than the serial parts between two matrix products of one token, short enough that an idle engine
// leaves the cores to others.
constexpr int kSpinsBeforeSleep = 2000;
constexpr int kMaxThreads = 512;

void pause_cpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Whole CPUs granted by the control group (version 2), or 0 when it sets no limit.
int cgroup_cpus() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::stod(quota) / period + 0.5));
}

/// Physical cores this process may run on; hardware threads of one core share its vector units, so they are counted once.
int default_thread_count() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> siblings;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      std::string list;
      siblings.insert(std::getline(file, list) ? list : std::to_string(cpu));
    }
    cores = static_cast<int>(siblings.size());
  }
  if (const int granted = cgroup_cpus(); granted > 0) cores = std::min(cores, granted);
#endif
  return std::clamp(cores, 1, kMaxThreads);
}

std::atomic<int> wanted_threads{0};
thread_local bool inside_region = false;

/// One parallel loop. Chunks are handed out by a counter, so a slow or absent worker never holds up the others.
struct Region {
  const std::function<void(int64_t, int64_t)>* body = nullptr;
  int64_t n = 0, grain = 1, chunks = 0;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;

  void work() {
    inside_region = true;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      if (failed.load(std::memory_order_relaxed)) break;
      try {
        (*body)(i * grain, std::min(n, (i + 1) * grain));
      } catch (...) {
        // The first failure wins; `error` is read only after every worker has left.
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
    inside_region = false;
  }
};

class Pool {
 public:
  /// Runs the loop on the workers and the caller. The caller must hold mutex().
  void run(int64_t n, int64_t grain, int64_t chunks, const std::function<void(int64_t, int64_t)>& body) {
    resize(thread_count() - 1);
    region_.body = &body;
    region_.n = n;
    region_.grain = grain;
    region_.chunks = chunks;
    region_.next.store(0, std::memory_order_relaxed);
    region_.failed.store(false, std::memory_order_relaxed);
    region_.error = nullptr;

    gate_.fetch_or(kOpen, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();
    region_.work();
    gate_.fetch_and(~kOpen, std::memory_order_acq_rel);
    for (int spins = 0; gate_.load(std::memory_order_acquire) != 0; ++spins) {
      if (spins < kSpinsBeforeSleep) {
        pause_cpu();
      } else {
        std::this_thread::yield();
      }
    }
    if (region_.error) std::rethrow_exception(std::exchange(region_.error, nullptr));
  }

  std::mutex& mutex() { return mutex_; }

 private:
  void resize(int workers) {
    if (static_cast<int>(workers_.size()) == workers) return;
    stopping_ = true;
    epoch_.fetch_add(1);
    epoch_.notify_all();
    for (std::thread& t : workers_) t.join();
    workers_.clear();
    stopping_ = false;
    const uint32_t now = epoch_.load();
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this, now] { worker_loop(now); });
  }

  void worker_loop(uint32_t seen) {
    for (;;) {
      for (int spins = 0; epoch_.load(std::memory_order_acquire) == seen && spins < kSpinsBeforeSleep; ++spins) pause_cpu();
      epoch_.wait(seen, std::memory_order_acquire);
      seen = epoch_.load(std::memory_order_acquire);
      if (stopping_) return;
      // Entering counts us in before we look whether the region is still open, so the owner cannot leave while we are in.
      if ((gate_.fetch_add(1, std::memory_order_acq_rel) & kOpen) != 0) region_.work();
      gate_.fetch_sub(1, std::memory_order_release);
    }
  }

  static constexpr uint32_t kOpen = 1u << 31;
  std::mutex mutex_;
  std::vector<std::thread> workers_;
  Region region_;
  std::atomic<bool> stopping_{false};
  alignas(64) std::atomic<uint32_t> gate_{0};   // kOpen | number of workers inside
  alignas(64) std::atomic<uint32_t> epoch_{0};  // counts regions; what idle workers wait on
};

Pool& pool() {
  // Never destroyed: at process exit a job thread may still be inside a region.
  static Pool* const instance = new Pool;
  return *instance;
}

}  // namespace

int thread_count() {
  static const int fallback = default_thread_count();
  const int wanted = wanted_threads.load(std::memory_order_relaxed);
  return wanted > 0 ? wanted : fallback;
}

void set_thread_count(int n) { wanted_threads.store(std::min(n, kMaxThreads)); }

void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t chunks = (n + grain - 1) / grain;
  const auto serially = [&] {
    for (int64_t i = 0; i < chunks; ++i) body(i * grain, std::min(n, (i + 1) * grain));
  };
  if (inside_region || chunks == 1 || thread_count() == 1) return serially();
  // A second caller finds the workers taken and does its own work meanwhile.
  const std::unique_lock lock(pool().mutex(), std::try_to_lock);
  if (!lock.owns_lock()) return serially();
  pool().run(n, grain, chunks, body);
}

}  // namespace hqq
