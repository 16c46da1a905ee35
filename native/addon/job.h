// The single bridge between JavaScript and long native work. Each job has a thread of its own (libuv's four stay free
// for files and DNS), reports through one ordered queue, and gives exactly one final answer through that same queue.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "engine/engine.h"

namespace hqq::addon {

/// Starts `method` and returns { promise: Promise<string>, cancel(): void } to JavaScript.
/// `on_event` is called with the JSON text of each event, in order: progress that nobody has read yet is replaced by
/// newer progress, everything else arrives. The promise is rejected with an Error that has a `code`; when `on_event`
/// itself throws, the job is cancelled and the promise rejected with what it threw. When the environment closes, the
/// job is cancelled and joined.
Napi::Object start_job(Napi::Env env, std::shared_ptr<Engine> engine, std::string method, std::string input,
                       Napi::Function on_event);

}  // namespace hqq::addon
