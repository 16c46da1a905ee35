// The engine's side of libhqq_cuda.so: finds it, checks that driver and library fit, and says in a sentence why it cannot be
// used. No CUDA header is included here; without a driver nothing is loaded.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "cuda/abi.h"

namespace hqq {

enum class CudaState : uint8_t {
  ready,
  no_driver,     // libcuda.so.1 is not there
  old_driver,    // it is, but older than the library needs
  no_device,     // driver but no card it can use
  not_built,     // libhqq_cuda.so is not there
  abi_mismatch,  // it is of another version of the engine
  disabled,      // HQQ_CUDA=off
  device_lost,   // a fault after which this process must end
};
std::string_view to_string(CudaState state);  // "ready", "no-driver", ...

/// Where to look.
struct CudaPlaces {
  bool disabled = false;
  std::string driver = "libcuda.so.1";
  std::string library;  // path of libhqq_cuda.so

  /// HQQ_CUDA=off, HQQ_CUDA_LIBRARY, else the library beside the addon or executable this code is in.
  static CudaPlaces from_environment();
};

struct CudaDevice {
  HqqCudaDeviceInfo info{};
  std::string id;       // "cuda:GPU-..."
  std::string problem;  // empty when the device passed its probe; else a sentence
};

/// Any thread. One for the process, opened at first use and never closed.
class CudaLibrary {
 public:
  static CudaLibrary& instance();
  /// Opens and checks. Never throws: what is wrong is in state() and sentence().
  explicit CudaLibrary(const CudaPlaces& places);
  CudaLibrary(const CudaLibrary&) = delete;
  CudaLibrary& operator=(const CudaLibrary&) = delete;

  CudaState state() const;
  /// What a person should know and can do.
  std::string sentence() const;

  /// Throws EngineError{unsupported} (or {device_lost}) with the sentence unless the state is ready.
  const HqqCudaApi& api() const;

  /// All devices with their present memory. Each is probed once in the life of the process. Empty unless ready.
  std::vector<CudaDevice> devices();

  /// The device that `name` means: "cuda" (the usable one with most free memory), "cuda:N" (ordinal), "cuda:UUID" or "UUID".
  /// Throws EngineError{not_found|unsupported|bad_input}.
  CudaDevice device(std::string_view name);

  /// Calls a function of the table; its status becomes an EngineError, and device-lost the state of this object.
  ///   library.call(library.api().device.memory, ordinal, &memory);
  template <typename Function, typename... Arguments>
  void call(Function function, Arguments... arguments) {
    require(function != nullptr, ErrorCode::unsupported, "the GPU library cannot do this");
    HqqCudaStatus status{};
    if (function(arguments..., &status) != 0) fail(status);
  }
  /// Throws the EngineError that the status of a failed call stands for; device-lost becomes the state of this object.
  [[noreturn]] void fail(const HqqCudaStatus& status);

 private:
  void open(const CudaPlaces& places);
  void open_driver(const std::string& path);
  void set(CudaState state, std::string sentence);
  std::string probe(int32_t ordinal);

  mutable std::mutex mutex_;
  CudaState state_ = CudaState::no_driver;
  std::string sentence_;
  const HqqCudaApi* api_ = nullptr;
  std::vector<std::optional<std::string>> problems_;  // by ordinal; empty until probed
};

}  // namespace hqq
