#include "tools/verify.h"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace hqq::tools {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  std::string name;
  int passed = 0, failed = 0, skipped = 0;
  double seconds = 0;
};

bool is_test(std::string_view name) { return name.ends_with("_test"); }
bool is_benchmark(std::string_view name) { return name.starts_with("bench_"); }

std::vector<std::string> programs(const fs::path& folder, bool benchmarks, std::string_view filter) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.find(filter) == std::string::npos) continue;
    if (is_test(name) || (benchmarks && is_benchmark(name))) names.push_back(name);
  }
  // Tests first: figures of what is wrong are worth nothing.
  std::ranges::sort(names, {}, [](const std::string& name) { return std::pair(is_benchmark(name), name); });
  return names;
}

std::string quoted(const std::string& path) {
  std::string text = "'";
  for (const char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Runs one program. A benchmark's output is passed on; of a test's, what failed or was skipped.
Outcome run(const fs::path& folder, const std::string& name) {
  std::printf("%s\n", name.c_str());
  std::fflush(stdout);
  Outcome outcome{.name = name};
  const auto start = std::chrono::steady_clock::now();
  std::FILE* pipe = ::popen((quoted((folder / name).string()) + " 2>&1").c_str(), "r");
  bool counted = false;
  char* line = nullptr;
  size_t capacity = 0;
  while (pipe && ::getline(&line, &capacity, pipe) > 0) {
    const std::string_view text = line;
    const bool counts = std::sscanf(line, "%d passed, %d failed, %d skipped", &outcome.passed, &outcome.failed,
                                    &outcome.skipped) == 3;
    counted |= counts;
    if (!counts && !text.starts_with("ok ")) std::printf("  %s", line);
  }
  std::free(line);
  const int status = pipe ? ::pclose(pipe) : -1;
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!ended_well) outcome.failed = std::max(1, outcome.failed);
  else if (is_benchmark(name)) outcome.passed = 1;
  else if (!counted) outcome.failed = 1;
  // The shell may be the program itself by then, or tell of its signal as 128 and the number.
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128 : 0;
  if (signal > 0) std::printf("  died of signal %d\n", signal);
  return outcome;
}

}  // namespace

int verify(std::span<const std::string_view> arguments) {
  bool benchmarks = false;
  std::string_view filter;
  for (const std::string_view argument : arguments) {
    if (argument == "--bench") benchmarks = true;
    else if (argument == "--need-cuda") ::setenv("HQQ_NEED_CUDA", "1", 1);
    else if (!argument.starts_with("-") && filter.empty()) filter = argument;
    else {
      std::fprintf(stderr, "usage: engine-cli verify [--bench] [--need-cuda] [PART-OF-NAME]\n");
      return 2;
    }
  }
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  std::vector<Outcome> outcomes;
  for (const std::string& name : programs(folder, benchmarks, filter)) outcomes.push_back(run(folder, name));

  size_t width = 5;
  for (const Outcome& outcome : outcomes) width = std::max(width, outcome.name.size());
  std::printf("\n%-*s  passed  failed  skipped  seconds\n", static_cast<int>(width), "name");
  Outcome total{.name = "total"};
  const auto print = [&](const Outcome& outcome) {
    std::printf("%-*s  %6d  %6d  %7d  %7.1f\n", static_cast<int>(width), outcome.name.c_str(), outcome.passed,
                outcome.failed, outcome.skipped, outcome.seconds);
  };
  for (const Outcome& outcome : outcomes) {
    print(outcome);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
    total.seconds += outcome.seconds;
  }
  print(total);
  return total.failed > 0 || outcomes.empty() ? 1 : 0;
}

}  // namespace hqq::tools
