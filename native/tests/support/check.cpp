#include "tests/support/check.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace hqq::test {
namespace {

struct Case {
  const char* name;
  std::function<void()> body;
};

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

}  // namespace

Registration::Registration(const char* name, std::function<void()> body) { cases().push_back({name, std::move(body)}); }

std::string shared_data(const std::string& relative) {
  const char* given = std::getenv("HQQ_SHARED");
  const std::filesystem::path root = given ? given : std::filesystem::path(HQQ_REPO) / ".." / "shared";
  const std::filesystem::path path = root / relative;
  if (!std::filesystem::exists(path)) throw Skipped("needs golden data that is not here: " + relative + " (set HQQ_SHARED)");
  return path.string();
}

int run_all(const char* filter) {
  int passed = 0, failed = 0, skipped = 0;
  for (const auto& c : cases()) {
    if (!std::strstr(c.name, filter)) continue;
    const auto start = std::chrono::steady_clock::now();
    try {
      c.body();
      ++passed;
      const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      std::printf("ok    %s (%.0f ms)\n", c.name, ms);
    } catch (const Skipped& e) {
      ++skipped;
      std::printf("SKIP  %s: %s\n", c.name, e.what());
    } catch (const std::exception& e) {
      ++failed;
      std::printf("FAIL  %s: %s\n", c.name, e.what());
    }
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed > 0 || passed + skipped == 0 ? 1 : 0;
}

}  // namespace hqq::test
