// Runs one engine method outside the app, so that a failing request can be replayed under a debugger or a sanitizer:
//
//   engine-cli METHOD '{"field": ...}'     or METHOD - to read the input from standard input
//
//   engine-cli verify [--bench] [--need-cuda] [PART-OF-NAME]    every test (and benchmark) beside it; see tools/verify.h
//
// Events go to standard error, the result to standard output. Exit status: 0 done, 1 failed, 2 wrong usage, 130
// cancelled (Ctrl-C). Handles do not outlive a process, so `model.generate` and the like take {"load": {...}} here: the
// input of model.load.
#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "engine/methods.h"
#include "tools/verify.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

class Terminal final : public hqq::Reporter {
 public:
  void progress(const std::string& json) override { emit(json); }
  void emit(const std::string& json) override { std::fprintf(stderr, "%s\n", json.c_str()); }
  bool cancelled() const override { return interrupted != 0; }
};

int usage() {
  std::fprintf(stderr, "usage: engine-cli METHOD INPUT-JSON|-\n       engine-cli verify [--bench] [--need-cuda] [PART-OF-NAME]\nversion %s, methods:\n", hqq::engine_version().c_str());
  for (const auto& [name, method] : hqq::methods()) std::fprintf(stderr, "  %s\n", name.c_str());
  return 2;
}

/// Replaces a "load" member by the handle of the model it loads.
std::string with_handle(hqq::Engine& engine, const std::string& input, hqq::Reporter& reporter) {
  const hqq::Json parsed = hqq::parse_json(input);
  const hqq::Json* load = parsed.is_object() ? parsed.find("load") : nullptr;
  if (!load) return input;
  const hqq::Json loaded = hqq::parse_json(hqq::run_method(engine, "model.load", load->dump(), reporter));
  hqq::Json changed = hqq::Json::Object{};
  for (const auto& [name, value] : parsed.as_object()) {
    if (name != "load") changed.set(name, value);
  }
  return changed.set("handle", loaded.at("handle")).dump();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 2 && std::string_view(argv[1]) == "verify")
    return hqq::tools::verify(std::vector<std::string_view>(argv + 2, argv + argc));
  if (argc != 3) return usage();
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::string input = argv[2];
  if (input == "-") input.assign(std::istreambuf_iterator<char>(std::cin), {});
  hqq::Engine engine;
  Terminal terminal;
  try {
    std::printf("%s\n", hqq::run_method(engine, argv[1], with_handle(engine, input, terminal), terminal).c_str());
    return 0;
  } catch (const hqq::EngineError& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(hqq::to_string(error.code())).c_str(), error.what());
    return error.code() == hqq::ErrorCode::cancelled ? 130 : 1;
  }
}
