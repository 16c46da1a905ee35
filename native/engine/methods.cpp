#include "engine/methods.h"

#include <new>

namespace hqq {

const std::map<std::string, Method>& methods() {
  static const auto table = [] {
    std::map<std::string, Method> all;
    add_engine_methods(all);
    add_model_methods(all);
    add_divergence_methods(all);
    add_vision_methods(all);
    add_folder_methods(all);
    add_sensitivity_methods(all);
    add_tensor_methods(all);
    add_gguf_methods(all);
    add_export_methods(all);
    return all;
  }();
  return table;
}

std::string run_method(Engine& engine, const std::string& name, const std::string& input, Reporter& reporter) {
  const auto found = methods().find(name);
  require(found != methods().end(), ErrorCode::bad_input, "unknown method \"" + name.substr(0, 100) + "\"");
  Json parsed;
  try {
    parsed = parse_json(input);
  } catch (const EngineError& error) {
    throw EngineError(ErrorCode::bad_input, name + ": " + error.what());
  }
  try {
    check_cancelled(reporter);
    return found->second(engine, parsed, reporter).dump();
  } catch (const EngineError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw EngineError(ErrorCode::out_of_memory,
                      name + ": the machine has too little free memory; close other programs or use a smaller model");
  } catch (const std::exception& error) {
    throw EngineError(ErrorCode::internal, name + ": " + error.what());
  }
}

std::string engine_version() { return HQQ_VERSION; }

}  // namespace hqq
