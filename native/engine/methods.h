// The engine's dispatch table: each method takes and gives JSON with the names and fields of
// electron/contract/engine.ts. The addon and engine-cli both run it, so a request that failed in the app can be
// replayed under a debugger.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/job.h"
#include "engine/engine.h"
#include "io/json.h"

namespace hqq {

using Method = std::function<Json(Engine& engine, const Json& input, Reporter& reporter)>;

/// All methods by name. debug.crash is there only when the process was started with HQQ_FAULTS=1.
const std::map<std::string, Method>& methods();

/// Parses the input, runs the method and returns its result as JSON text. Whatever goes wrong is an EngineError:
/// {bad_input} for an unknown method or malformed input, {out_of_memory} for std::bad_alloc, {internal} for anything
/// unforeseen.
std::string run_method(Engine& engine, const std::string& name, const std::string& input, Reporter& reporter);

/// Version of the application this engine was built for.
std::string engine_version();

// The parts of the table, one file each.
void add_engine_methods(std::map<std::string, Method>& table);  // engine.*, debug.*
void add_model_methods(std::map<std::string, Method>& table);   // model.load, .unload, .generate, .logits, .perplexity
void add_divergence_methods(std::map<std::string, Method>& table);  // model.reference, model.divergence
void add_vision_methods(std::map<std::string, Method>& table);  // vision.embed
void add_folder_methods(std::map<std::string, Method>& table);  // model.inspect, model.quantize
void add_sensitivity_methods(std::map<std::string, Method>& table);  // model.sensitivity
void add_tensor_methods(std::map<std::string, Method>& table);  // tensor.quantize
void add_gguf_methods(std::map<std::string, Method>& table);    // gguf.inspect
void add_export_methods(std::map<std::string, Method>& table);  // model.exportGguf

}  // namespace hqq
