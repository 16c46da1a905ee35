#include "engine/cuda_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

namespace hqq {
namespace {

constexpr const char* kLibraryFile = "libhqq_cuda.so";
/// The driver interface of CUDA 13.0, which the 580 series brought.
constexpr int kNeededDriver = 13000;
constexpr int kNoDevice = 100;
constexpr int kDriverMismatch = 803;

/// Carries a state out of the checks.
struct Unfit {
  CudaState state;
  std::string sentence;
};

/// Folder of the addon or executable that holds this code.
std::filesystem::path own_folder() {
  Dl_info info{};
  static const int here = 0;
  std::filesystem::path file;
  if (::dladdr(&here, &info) && info.dli_fname) file = info.dli_fname;
  std::error_code error;
  // A program names itself as it was called, which may be relative to anywhere.
  if (!file.is_absolute() || !std::filesystem::exists(file, error)) file = std::filesystem::read_symlink("/proc/self/exe", error);
  return file.parent_path();
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

[[noreturn]] void no_device(int code) {
  if (code == kNoDevice)
    throw Unfit{CudaState::no_device, "An NVIDIA driver is installed but finds no GPU; everything runs on the CPU."};
  if (code == kDriverMismatch)
    throw Unfit{CudaState::no_device,
                "The NVIDIA driver was updated while the machine ran; restart the machine to use the GPU."};
  throw Unfit{CudaState::no_device, "The NVIDIA driver does not start (error " + std::to_string(code) +
                                        "); restart the machine, then reinstall the driver if that does not help."};
}

}  // namespace

std::string_view to_string(CudaState state) {
  switch (state) {
    case CudaState::ready: return "ready";
    case CudaState::no_driver: return "no-driver";
    case CudaState::old_driver: return "old-driver";
    case CudaState::no_device: return "no-device";
    case CudaState::not_built: return "not-built";
    case CudaState::abi_mismatch: return "abi-mismatch";
    case CudaState::disabled: return "disabled";
    case CudaState::device_lost: return "device-lost";
  }
  return "no-driver";
}

CudaPlaces CudaPlaces::from_environment() {
  CudaPlaces places;
  const char* switched = std::getenv("HQQ_CUDA");
  places.disabled = switched && std::string_view(switched) == "off";
  const char* given = std::getenv("HQQ_CUDA_LIBRARY");
  places.library = given && *given ? std::string(given) : (own_folder() / kLibraryFile).string();
  return places;
}

CudaLibrary& CudaLibrary::instance() {
  static CudaLibrary library(CudaPlaces::from_environment());
  return library;
}

CudaLibrary::CudaLibrary(const CudaPlaces& places) {
  try {
    open(places);
  } catch (const Unfit& unfit) {
    set(unfit.state, unfit.sentence);
  } catch (const EngineError& error) {
    if (state() != CudaState::device_lost)
      set(CudaState::no_device, "The GPU cannot be used: " + std::string(error.what()));
  }
}

void CudaLibrary::open_driver(const std::string& path) {
  void* driver = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver)
    throw Unfit{CudaState::no_driver,
                "No NVIDIA driver is installed; everything runs on the CPU. With an NVIDIA GPU, install driver 580 or later."};
  const auto driver_version = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDriverGetVersion"));
  const auto start = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver, "cuInit"));
  int version = 0;
  if (!driver_version || !start || driver_version(&version) != 0)
    throw Unfit{CudaState::no_driver, path + " is not a working NVIDIA driver; install driver 580 or later."};
  if (version < kNeededDriver)
    throw Unfit{CudaState::old_driver, "The NVIDIA driver is too old (it offers CUDA " + version_text(version) +
                                           ", needed is " + version_text(kNeededDriver) +
                                           "); install driver 580 or later. Until then everything runs on the CPU."};
  const int code = start(0);
  if (code != 0) no_device(code);
}

void CudaLibrary::open(const CudaPlaces& places) {
  if (places.disabled)
    throw Unfit{CudaState::disabled, "The GPU is switched off (HQQ_CUDA=off); everything runs on the CPU."};
  open_driver(places.driver);
  if (std::error_code error; !std::filesystem::exists(places.library, error))
    throw Unfit{CudaState::not_built, std::string(kLibraryFile) + " is not there (looked at " + places.library +
                                          "); build it with `npm run setup -- --cuda`."};
  void* library = ::dlopen(places.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    throw Unfit{CudaState::not_built, places.library + " cannot be loaded: " + (reason ? reason : "unknown reason") +
                                          "; build it again with `npm run setup -- --cuda`."};
  }
  const auto get_api = reinterpret_cast<HqqCudaGetApi>(::dlsym(library, "hqq_cuda_get_api"));
  const HqqCudaApi* api = get_api ? get_api(HQQ_CUDA_ABI_VERSION) : nullptr;
  if (!api || api->abi_version != HQQ_CUDA_ABI_VERSION || api->table_bytes != sizeof(HqqCudaApi))
    throw Unfit{CudaState::abi_mismatch, places.library + " belongs to another version of the engine; build it again with "
                                                          "`npm run setup -- --cuda`."};
  int32_t count = 0;
  call(api->device.count, &count);
  if (count == 0) no_device(kNoDevice);
  api_ = api;
  problems_.resize(static_cast<size_t>(count));
  set(CudaState::ready, count == 1 ? "The GPU is ready." : std::to_string(count) + " GPUs are ready.");
}

CudaState CudaLibrary::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

std::string CudaLibrary::sentence() const {
  const std::scoped_lock lock(mutex_);
  return sentence_;
}

void CudaLibrary::set(CudaState state, std::string sentence) {
  const std::scoped_lock lock(mutex_);
  state_ = state;
  sentence_ = std::move(sentence);
}

const HqqCudaApi& CudaLibrary::api() const {
  const std::scoped_lock lock(mutex_);
  require(state_ != CudaState::device_lost, ErrorCode::device_lost, sentence_);
  require(state_ == CudaState::ready, ErrorCode::unsupported, sentence_);
  return *api_;
}

void CudaLibrary::fail(const HqqCudaStatus& status) {
  const ErrorCode code = error_code_from_string(status.code).value_or(ErrorCode::internal);
  if (code == ErrorCode::device_lost)
    set(CudaState::device_lost, "The GPU failed (" + std::string(status.message) +
                                     "); everything runs on the CPU. Restart the engine to try the GPU again.");
  throw EngineError(code, status.message);
}

std::string CudaLibrary::probe(int32_t ordinal) {
  try {
    call(api().device.probe, ordinal);
    return "";
  } catch (const EngineError& error) {
    if (error.code() == ErrorCode::device_lost) throw;
    return std::string("It failed its check: ") + error.what();
  }
}

std::vector<CudaDevice> CudaLibrary::devices() {
  if (state() != CudaState::ready) return {};
  // One probe at a time; mutex_ is free for state() meanwhile.
  static std::mutex probing;
  const std::scoped_lock lock(probing);
  std::vector<CudaDevice> all;
  for (size_t i = 0; i < problems_.size(); ++i) {
    CudaDevice device;
    call(api().device.describe, static_cast<int32_t>(i), &device.info);
    device.id = "cuda:" + std::string(device.info.uuid);
    if (!problems_[i]) {
      problems_[i] = device.info.fit ? probe(static_cast<int32_t>(i))
                                     : "Its generation (compute capability " + std::to_string(device.info.compute_major) +
                                           "." + std::to_string(device.info.compute_minor) +
                                           ") is older than the engine supports (8.0: GeForce RTX 30, A100 and later).";
    }
    device.problem = *problems_[i];
    all.push_back(std::move(device));
  }
  return all;
}

CudaDevice CudaLibrary::device(std::string_view name) {
  api();
  std::vector<CudaDevice> all = devices();
  const auto usable = [](const CudaDevice& device) { return device.problem.empty(); };
  if (name == "cuda") {
    const auto best = std::ranges::max_element(all, {}, [&](const CudaDevice& device) {
      return usable(device) ? device.info.free_bytes : int64_t{-1};
    });
    require(best != all.end() && usable(*best), ErrorCode::unsupported,
            "no GPU can be used" + (all.empty() ? "" : ": " + all.front().problem));
    return *best;
  }
  if (name.starts_with("cuda:")) name.remove_prefix(5);
  int ordinal = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), ordinal);
  const bool is_number = error == std::errc() && end == name.data() + name.size();
  const auto found = std::ranges::find_if(all, [&](const CudaDevice& device) {
    return is_number ? device.info.ordinal == ordinal : device.info.uuid == name;
  });
  require(found != all.end(), ErrorCode::not_found,
          "there is no GPU \"" + std::string(name.substr(0, 80)) + "\"; `devices` lists those there are");
  require(usable(*found), ErrorCode::unsupported, std::string(found->info.name) + " cannot be used. " + found->problem);
  return *found;
}

}  // namespace hqq
