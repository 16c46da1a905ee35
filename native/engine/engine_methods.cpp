// engine.* and debug.*
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "engine/fields.h"
#include "engine/machine.h"
#include "engine/methods.h"

namespace hqq {
namespace {

constexpr int64_t kMaxThreads = 1024;

Json info(Engine&, const Json& input, Reporter&) {
  Fields(input, "engine.info").done();
  Json::Array names;
  for (const auto& [name, method] : methods()) names.emplace_back(name);
  Json result = machine_info();
  result.set("version", engine_version()).set("methods", std::move(names));
  return result;
}

/// null restores the default: all physical cores, the best SIMD level (or the one HQQ_SIMD names).
Json configure(Engine&, const Json& input, Reporter&) {
  Fields fields(input, "engine.configure");
  const int64_t threads = fields.optional("threads") ? fields.integer("threads", 1, kMaxThreads) : 0;
  const std::string simd = fields.optional("simd") ? fields.text("simd") : "";
  fields.done();
  static const SimdLevel initial_level = active_simd_level();
  const auto level = simd.empty() ? initial_level : simd_level_from_string(simd);
  require(level.has_value(), ErrorCode::bad_input, "engine.configure: \"" + simd.substr(0, 40) + "\" is no SIMD level");
  set_simd_level(*level);
  set_thread_count(static_cast<int>(threads));
  return Json::Object{};
}

/// Dies as a defect would, for the tests of what survives it.
Json crash(Engine&, const Json& input, Reporter&) {
  Fields fields(input, "debug.crash");
  const std::string name = fields.text("signal");
  fields.done();
  const int signal = name == "SEGV" ? SIGSEGV : name == "KILL" ? SIGKILL : name == "ABRT" ? SIGABRT : 0;
  require(signal != 0, ErrorCode::bad_input, "debug.crash: signal is SEGV, KILL or ABRT");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  return Json::Object{};
}

}  // namespace

void add_engine_methods(std::map<std::string, Method>& table) {
  table["engine.info"] = info;
  table["engine.configure"] = configure;
  const char* faults = std::getenv("HQQ_FAULTS");
  if (faults && std::string_view(faults) == "1") table["debug.crash"] = crash;
}

}  // namespace hqq
