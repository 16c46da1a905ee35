// libFuzzer target: any bytes as a model file with HQQ layers. Each layer must load with consistent sizes, or be
// refused.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "io/hqq_layer.h"
#include "quant/dequantize.h"

namespace {

/// The input under a name; one file for the whole run.
const std::string& write_input(const uint8_t* data, size_t size) {
  static const std::string path = "/tmp/hqq-fuzz-" + std::to_string(::getpid()) + ".safetensors";
  FILE* file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(data, 1, size, file) != size) std::abort();
  std::fclose(file);
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& path = write_input(data, size);
  try {
    const hqq::TensorStore store = hqq::TensorStore::open(path);
    for (const std::string& module : hqq::hqq_layer_names(store)) {
      try {
        hqq::describe_hqq_layer(store, module);
        const hqq::QuantizedTensor layer = hqq::load_hqq_layer(store, module);
        const hqq::Buffer weight(hqq::numel(layer.shape) * 4, hqq::MemoryUse::scratch);
        hqq::dequantize(layer, weight.as<float>());
      } catch (const hqq::EngineError&) {
      }
    }
  } catch (const hqq::EngineError&) {
  }
  ::unlink(path.c_str());
  return 0;
}
