// Registration of the addon and nothing else: version(), methods(), start(method, inputJson, onEvent). Everything
// crosses as JSON text; electron/engine/addon-types.ts is the other side.
#include <napi.h>

#include "addon/job.h"
#include "engine/methods.h"

namespace {

/// Lives as long as the environment; jobs keep the engine alive beyond it.
struct State {
  std::shared_ptr<hqq::Engine> engine = std::make_shared<hqq::Engine>();
};

Napi::Value version(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), hqq::engine_version()); }

Napi::Value methods(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const auto& [name, method] : hqq::methods()) names.Set(names.Length(), name);
  return names;
}

Napi::Value start(const Napi::CallbackInfo& info) {
  if (info.Length() != 3 || !info[0].IsString() || !info[1].IsString() || !info[2].IsFunction()) {
    throw Napi::TypeError::New(info.Env(), "start(method: string, inputJson: string, onEvent: (json: string) => void)");
  }
  const State& state = *info.Env().GetInstanceData<State>();
  return hqq::addon::start_job(info.Env(), state.engine, info[0].As<Napi::String>(), info[1].As<Napi::String>(),
                               info[2].As<Napi::Function>());
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new State);
  exports.Set("version", Napi::Function::New(env, version, "version"));
  exports.Set("methods", Napi::Function::New(env, methods, "methods"));
  exports.Set("start", Napi::Function::New(env, start, "start"));
  return exports;
}

}  // namespace

NODE_API_MODULE(hqq_engine, init)
