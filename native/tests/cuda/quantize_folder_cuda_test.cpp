// A folder quantized on the device, through libhqq_cuda.so as the application loads it: the files are the CPU's byte for
// byte, an interrupted run goes on, memory stays bounded and is given back.
#include <cmath>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>

#include "engine/cuda_library.h"
#include "engine/quantize_model.h"
#include "tests/cuda/support/device.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

using test::normal_values;
using test::read_file;
using test::TempDir;

constexpr int64_t kOut = 512, kIn = 1536;

/// The device's name in options; skips where the library was not built.
std::string device_name() {
  test::need_device();
  CudaLibrary& library = CudaLibrary::instance();
  if (library.state() != CudaState::ready)
    SKIP("needs libhqq_cuda.so beside the test or in HQQ_CUDA_LIBRARY: ", library.sentence());
  return library.device("cuda:0").id;
}

HqqCudaMemory device_memory() {
  CudaLibrary& library = CudaLibrary::instance();
  HqqCudaMemory memory{};
  library.call(library.api().device.memory, 0, &memory);
  return memory;
}

struct Layer {
  const char* name;
  QuantConfig config;
  const char* method;
};
const std::vector<Layer> kLayers = {
    {"a", {.nbits = 4, .group_size = 64, .round_zero = true}, "hqq"},
    {"b", {.nbits = 2, .group_size = 16}, "hqq"},
    {"c", {.nbits = 3, .group_size = 0}, "rtn"},
    {"d", {.nbits = 4, .group_size = 64, .round_zero = true}, "refined"},
    {"e", {.nbits = 5, .group_size = 48, .axis = 0}, "hqq"},
    {"f", {.nbits = 8, .group_size = 96, .quant_zero = true, .quant_scale = true}, "hqq"},
    {"g", {.nbits = 3, .group_size = 128}, "hqq"},
    {"h", {.nbits = 4, .group_size = 0, .axis = 0, .round_zero = true}, "hqq"},
};

/// A matrix for each layer and a norm that is kept; `change` may spoil the third.
void write_model(const std::string& dir, const std::function<void(std::vector<float>&)>& change = {}) {
  std::filesystem::create_directories(dir);
  std::deque<std::vector<float>> values;
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < kLayers.size(); ++i) {
    values.push_back(normal_values(kOut * kIn, i + 1, 0.02f));
    if (i == 2 && change) change(values.back());
    tensors.push_back({std::string(kLayers[i].name) + ".weight", {values.back().data(), DType::f32, {kOut, kIn}}});
    values.push_back(normal_values(kIn, i + 50));
    tensors.push_back({std::string(kLayers[i].name) + ".norm", {values.back().data(), DType::f32, {kIn}}});
  }
  write_safetensors(dir + "/model.safetensors", tensors);
}

QuantizeModelOptions options_for(const TempDir& dir, const std::string& out, const std::string& device) {
  QuantizeModelOptions options{
      .model_dir = dir / "source", .out_dir = dir / out, .choices = {}, .compute_dtype = DType::f16};
  options.device = device;
  for (const Layer& layer : kLayers) options.choices.push_back({layer.name, layer.config, layer.method});
  return options;
}

class StopAfter final : public Reporter {
 public:
  explicit StopAfter(int layers) : left_(layers) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override { --left_; }
  bool cancelled() const override { return left_ <= 0; }

 private:
  int left_;
};

}  // namespace

TEST("a folder comes out as on the CPU, byte for byte, within four times the largest matrix") {
  const std::string device = device_name();
  const TempDir dir;
  write_model(dir / "source");
  NullReporter nobody;
  quantize_model(options_for(dir, "cpu", "cpu"), nobody);
  CudaLibrary& library = CudaLibrary::instance();
  library.call(library.api().device.reset_peak, 0);
  const QuantizeModelResult made = quantize_model(options_for(dir, "cuda", device), nobody);
  CHECK_EQ(made.quantized_tensors, static_cast<int64_t>(kLayers.size()));
  CHECK(read_file(dir / "cuda/model.safetensors") == read_file(dir / "cpu/model.safetensors"));
  const HqqCudaMemory memory = device_memory();
  CHECK_EQ(memory.scratch + memory.weights, 0);
  CHECK_EQ(memory.pinned, 0);
  CHECK(memory.peak > 0 && memory.peak <= 4 * kOut * kIn * 4, memory.peak);
}

TEST("an interrupted folder goes on to the same bytes") {
  const std::string device = device_name();
  const TempDir dir;
  write_model(dir / "source");
  NullReporter nobody;
  quantize_model(options_for(dir, "whole", device), nobody);
  for (const int layers : {1, 3, 6}) {
    const std::string out = "part" + std::to_string(layers);
    StopAfter stop(layers);
    CHECK_THROWS_CODE(quantize_model(options_for(dir, out, device), stop), cancelled);
    CHECK_EQ(device_memory().scratch, 0);
    const QuantizeModelResult made = quantize_model(options_for(dir, out, device), nobody);
    CHECK(made.resumed_tensors >= layers, made.resumed_tensors);
    CHECK(read_file(dir / (out + "/model.safetensors")) == read_file(dir / "whole/model.safetensors"), layers);
  }
}

TEST("a bad weight is told with its tensor, and what was done before stays") {
  const std::string device = device_name();
  const TempDir dir;
  write_model(dir / "source",
              [](std::vector<float>& weight) { weight[5 * kIn + 7] = std::numeric_limits<float>::quiet_NaN(); });
  NullReporter nobody;
  try {
    quantize_model(options_for(dir, "out", device), nobody);
    FAIL("no error");
  } catch (const EngineError& error) {
    CHECK(error.code() == ErrorCode::bad_weights, error.what());
    CHECK(std::string(error.what()).find("c.weight") != std::string::npos, error.what());
  }
  CHECK_EQ(device_memory().scratch, 0);
}

TEST("a device that runs out of memory is told, and the next folder works") {
  const std::string device = device_name();
  const TempDir dir;
  write_model(dir / "source");
  NullReporter nobody;
  CudaLibrary& library = CudaLibrary::instance();
  for (int64_t nth = 1; nth <= 6; ++nth) {
    library.call(library.api().device.fail_allocation, nth);
    CHECK_THROWS_CODE(quantize_model(options_for(dir, "out" + std::to_string(nth), device), nobody), out_of_memory);
    const HqqCudaMemory memory = device_memory();
    CHECK_EQ(memory.scratch + memory.pinned, 0);
  }
  library.call(library.api().device.fail_allocation, int64_t{0});
  quantize_model(options_for(dir, "after", device), nobody);
}

}  // namespace hqq
