// What the engine says of drivers, GPUs and its GPU library, over pretended ones (tests/fake_cuda).
#include "engine/cuda_library.h"

#include <cstdlib>

#include "engine/methods.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

using namespace hqq;

namespace {

/// Sets a variable for a scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

CudaPlaces fake() {
  return {.disabled = false, .driver = HQQ_FAKE_CUDA "/libcuda.so.1", .library = HQQ_FAKE_CUDA "/libhqq_cuda.so"};
}

void check_state(const CudaPlaces& places, CudaState state, const std::string& part) {
  const CudaLibrary library(places);
  CHECK_EQ(std::string(to_string(library.state())), std::string(to_string(state)));
  CHECK(library.sentence().find(part) != std::string::npos, library.sentence());
  if (state != CudaState::ready) CHECK_THROWS_CODE(library.api(), unsupported);
}

}  // namespace

TEST("each thing that is missing or wrong has a state and a sentence") {
  check_state(fake(), CudaState::ready, "ready");
  CudaPlaces places = fake();
  places.disabled = true;
  check_state(places, CudaState::disabled, "HQQ_CUDA=off");
  places = fake();
  places.driver = "/nowhere/libcuda.so.1";
  check_state(places, CudaState::no_driver, "install driver 580");
  places = fake();
  places.library = "/nowhere/libhqq_cuda.so";
  check_state(places, CudaState::not_built, "--cuda");
  const test::TempDir dir;
  places.library = dir.write("libhqq_cuda.so", "no library");
  check_state(places, CudaState::not_built, "cannot be loaded");
  places.library = places.driver;
  check_state(places, CudaState::abi_mismatch, "another version");
  {
    const Variable driver("FAKE_CUDA_DRIVER", "12040");
    check_state(fake(), CudaState::old_driver, "12.4");
  }
  for (const auto& [code, part] : {std::pair{"100", "no GPU"}, {"803", "restart the machine"}, {"999", "error 999"}}) {
    const Variable init("FAKE_CUDA_INIT", code);
    check_state(fake(), CudaState::no_device, part);
  }
  {
    const Variable abi("FAKE_CUDA_ABI", "99");
    check_state(fake(), CudaState::abi_mismatch, "another version");
  }
  {
    const Variable devices("FAKE_CUDA_DEVICES", "0");
    check_state(fake(), CudaState::no_device, "no GPU");
  }
}

TEST("a device is found by ordinal, UUID, or as the one with most free memory") {
  const Variable devices("FAKE_CUDA_DEVICES", "3");
  CudaLibrary library(fake());
  CHECK_EQ(library.devices().size(), 3u);
  CHECK_EQ(library.device("cuda").info.ordinal, 1);
  CHECK_EQ(library.device("cuda:0").id, "cuda:GPU-00000000-0000-0000-0000-000000000000");
  CHECK_EQ(library.device("cuda:GPU-00000000-0000-0000-0000-000000000001").info.ordinal, 1);
  CHECK_EQ(library.device("GPU-00000000-0000-0000-0000-000000000001").info.ordinal, 1);
  CHECK_THROWS_CODE(library.device("cuda:7"), not_found);
  CHECK_THROWS_CODE(library.device("mps"), not_found);
  CHECK_THROWS_CODE(library.device("cuda:2"), unsupported);  // an old generation
}

TEST("a device that fails its probe is listed with the reason and refused") {
  const Variable probe("FAKE_CUDA_PROBE", "fail");
  CudaLibrary library(fake());
  CHECK(library.devices().front().problem.find("too little memory") != std::string::npos);
  CHECK_THROWS_CODE(library.device("cuda"), unsupported);
  CHECK_EQ(library.state() == CudaState::ready, true);
}

TEST("a device that vanishes is lost for this process, even when it comes back") {
  const test::TempDir dir;
  const Variable lost("FAKE_CUDA_LOST", dir / "lost");
  CudaLibrary library(fake());
  CHECK_EQ(library.device("cuda").info.ordinal, 0);
  dir.write("lost", "");
  CHECK_THROWS_CODE(library.device("cuda"), device_lost);
  CHECK_EQ(std::string(to_string(library.state())), "device-lost");
  CHECK_EQ(library.devices().size(), 0u);
  std::filesystem::remove(dir / "lost");
  CHECK_THROWS_CODE(library.api(), device_lost);
}

TEST("a function that the library lacks is refused, not called") {
  CudaLibrary library(fake());
  CHECK_THROWS_CODE(library.call(library.api().device.reset_peak, 0), unsupported);
}

TEST("engine.info says how it is with the GPU, and jobs refuse a device that is not there") {
  Engine engine;
  NullReporter quiet;
  const Json info = parse_json(run_method(engine, "engine.info", "{}", quiet));
  CHECK(info.at("cuda").at("state").is_string() && info.at("cuda").at("sentence").is_string());
  const std::string load = R"({"dir":"x","computeDtype":"float32","contextLength":16,"fast":true,"device":"cuda:GPU-none"})";
  try {
    run_method(engine, "model.load", load, quiet);
    FAIL("loaded on a device that is not there");
  } catch (const EngineError& error) {
    CHECK(error.code() == ErrorCode::unsupported || error.code() == ErrorCode::not_found, error.what());
  }
}
