#include "addon/job.h"

#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/event_queue.h"
#include "engine/methods.h"

namespace hqq::addon {
namespace {

class Job;
/// Owned by the thread-safe function, freed by its finaliser; keeps the job alive as long as callbacks can come.
using Holder = std::shared_ptr<Job>;
void on_wake(Napi::Env env, Napi::Function on_event, Holder* holder, void* unused);
using Bridge = Napi::TypedThreadSafeFunction<Holder, void, on_wake>;

class Job final : public EventQueue, public std::enable_shared_from_this<Job> {
 public:
  Job(Napi::Env env, std::shared_ptr<Engine> engine, std::string method, std::string input)
      : env_(env), engine_(std::move(engine)), method_(std::move(method)), input_(std::move(input)), deferred_(env) {}

  Napi::Promise start(Napi::Function on_event) {
    bridge_ = Bridge::New(env_, on_event, "hqq job", 0, 1, new Holder(shared_from_this()),
                          [](Napi::Env, void*, Holder* holder) {
                            (*holder)->finish();
                            delete holder;
                          });
    // Added after the bridge's own hook and therefore run before it: the thread has ended when the bridge closes.
    napi_add_env_cleanup_hook(env_, &Job::on_env_closing, this);
    try {
      thread_ = std::thread([self = shared_from_this()] { self->run(); });
    } catch (const std::system_error&) {
      error_ =
          EngineError(ErrorCode::out_of_memory, method_ + ": the system refuses another thread; close other programs");
      answered();
    }
    return deferred_.Promise();
  }

  /// JavaScript thread: hands on what waits, then the answer when it is there.
  void deliver(Napi::Env env, Napi::Function on_event) {
    // Read first: everything that was reported before the answer is then in what take() gives.
    const bool final = answered_.load(std::memory_order_acquire);
    for (const std::string& json : take()) {
      if (thrown_) break;
      try {
        on_event.Call({Napi::String::New(env, json)});
      } catch (const Napi::Error& error) {
        thrown_ = error;
        cancel();
      }
    }
    if (final && !std::exchange(settled_, true)) settle(env);
  }

 private:
  static void on_env_closing(void* data) {
    Job* job = static_cast<Job*>(data);
    job->cancel();
    if (job->thread_.joinable()) job->thread_.join();
  }

  void run() {
    try {
      answer_ = run_method(*engine_, method_, input_, *this);
    } catch (const EngineError& error) {
      error_ = error;
    } catch (...) {
      error_ = EngineError(ErrorCode::internal, method_ + ": unknown exception");
    }
    answered();
  }

  /// The last act of whoever made the answer.
  void answered() {
    answered_.store(true, std::memory_order_release);
    wake();
    bridge_.Release();
  }

  void wake() override { bridge_.NonBlockingCall(); }

  void settle(Napi::Env env) {
    const Napi::HandleScope scope(env);
    if (thrown_) {
      deferred_.Reject(thrown_->Value());
    } else if (error_) {
      Napi::Object error = Napi::Error::New(env, error_->what()).Value();
      error.Set("code", Napi::String::New(env, std::string(to_string(error_->code()))));
      deferred_.Reject(error);
    } else {
      deferred_.Resolve(Napi::String::New(env, answer_));
    }
  }

  /// JavaScript thread, once, after the last callback. The thread has released the bridge and is about to end.
  void finish() {
    napi_remove_env_cleanup_hook(env_, &Job::on_env_closing, this);
    if (thread_.joinable()) thread_.join();
    // A reference to a JavaScript value must not outlive the environment in a late owner of this job.
    thrown_.reset();
  }

  Napi::Env env_;
  std::shared_ptr<Engine> engine_;
  std::string method_, input_;
  Napi::Promise::Deferred deferred_;
  Bridge bridge_;
  std::thread thread_;
  std::string answer_;                // written before answered_, read after it
  std::optional<EngineError> error_;  // likewise
  std::atomic<bool> answered_{false};
  std::optional<Napi::Error> thrown_;  // JavaScript thread only, as is settled_
  bool settled_ = false;
};

void on_wake(Napi::Env env, Napi::Function on_event, Holder* holder, void*) {
  // Null when the environment is closing: items are then only freed.
  if (env == nullptr || holder == nullptr) return;
  try {
    (*holder)->deliver(env, on_event);
  } catch (const Napi::Error&) {
    // JavaScript can no longer run (a worker was terminated): there is nobody left to tell.
  }
}

}  // namespace

Napi::Object start_job(Napi::Env env, std::shared_ptr<Engine> engine, std::string method, std::string input,
                       Napi::Function on_event) {
  const auto job = std::make_shared<Job>(env, std::move(engine), std::move(method), std::move(input));
  Napi::Object started = Napi::Object::New(env);
  started.Set("promise", job->start(on_event));
  started.Set("cancel", Napi::Function::New(
                            env, [job](const Napi::CallbackInfo&) { job->cancel(); }, "cancel"));
  return started;
}

}  // namespace hqq::addon
