// libFuzzer target: any bytes as a GGUF file. What parses must keep the promises that readers rely on; what has a model's names must
// give tensors of the sizes they are announced with, and its layers must load or be refused.
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "io/gguf.h"
#include "io/gguf_blocks.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"

namespace {

/// What a fuzzer can reach in a short time, and no more memory than it has.
constexpr int64_t kMaxValues = int64_t{1} << 16;

void check_header(std::span<const std::byte> bytes) {
  const hqq::GgufFile file = hqq::parse_gguf(bytes, "fuzz");
  const auto size = static_cast<int64_t>(bytes.size());
  int64_t covered = 0;
  for (const hqq::GgufTensor& tensor : file.tensors) {
    const bool inside = tensor.offset >= 24 && tensor.bytes > 0 && tensor.offset <= size && tensor.bytes <= size - tensor.offset;
    if (!inside || tensor.name.empty() || hqq::gguf_block(tensor.type) == nullptr) std::abort();
    covered += tensor.bytes;
  }
  if (covered > size) std::abort();
  file.metadata.dump();
}

/// The input under a name; one file for the whole run.
const std::string& write_gguf(const uint8_t* data, size_t size) {
  static const std::string path = "/tmp/hqq-fuzz-" + std::to_string(::getpid()) + ".gguf";
  FILE* file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(data, 1, size, file) != size) std::abort();
  std::fclose(file);
  return path;
}

void check_tensors(const std::string& path) {
  const hqq::TensorStore store = hqq::TensorStore::open(path);
  for (const hqq::TensorEntry& entry : store.entries()) {
    if (entry.bytes > kMaxValues) continue;
    if (static_cast<int64_t>(store.bytes(entry).size()) != entry.bytes) std::abort();
    store.drop(entry.name);
  }
  for (const std::string& module : hqq::hqq_layer_names(store)) {
    // Layers come from the reader itself here: one that cannot be loaded is a defect.
    if (hqq::numel(hqq::describe_hqq_layer(store, module).shape) > kMaxValues) continue;
    const hqq::QuantizedTensor layer = hqq::load_hqq_layer(store, module);
    const hqq::Buffer weight(hqq::numel(layer.shape) * 4, hqq::MemoryUse::scratch);
    hqq::dequantize(layer, weight.as<float>());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto refused = [](const hqq::EngineError& error) {
    if (error.code() != hqq::ErrorCode::bad_file && error.code() != hqq::ErrorCode::unsupported) std::abort();
  };
  try {
    check_header({reinterpret_cast<const std::byte*>(data), size});
  } catch (const hqq::EngineError& error) {
    refused(error);
    return 0;
  }
  const std::string& path = write_gguf(data, size);
  try {
    check_tensors(path);
  } catch (const hqq::EngineError& error) {
    refused(error);
  }
  ::unlink(path.c_str());
  return 0;
}
