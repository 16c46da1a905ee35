// The engine's own threads. Decode runs hundreds of short parallel regions per token, so workers spin briefly before they
// sleep; results never depend on the thread count because callers split work by item, never by thread.
#pragma once

#include <cstdint>
#include <functional>

namespace hqq {

/// Number of threads used by parallel_for, the calling thread included. Default: physical cores available to the process.
int thread_count();
/// Takes effect at the next parallel_for; n <= 0 restores the default.
void set_thread_count(int n);

/// Calls body(begin, end) over disjoint chunks that cover [0, n); chunk bounds are multiples of `grain` (except the last) and do
/// not depend on the thread count. Exceptions thrown by body are rethrown on the caller. Nested calls run serially.
void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace hqq
