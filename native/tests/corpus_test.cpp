// Replays the kept inputs of the fuzz targets under any compiler, so that a defect once found stays fixed.
#include <filesystem>

#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

// Each target is one function in one file, made to be linked alone; here they get names of their own.
#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "tests/fuzz_safetensors.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_json
#include "tests/fuzz_json.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_hqq_layer
#include "tests/fuzz_hqq_layer.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_gguf
#include "tests/fuzz_gguf.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_pickle
#include "tests/fuzz_pickle.cpp"
#undef LLVMFuzzerTestOneInput

namespace hqq {
namespace {

/// A target aborts on a broken promise, which ends this executable.
void replay(const std::string& target, int (*fuzz)(const uint8_t*, size_t)) {
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HQQ_REPO "/native/tests/corpus/" + target)) {
    const std::string bytes = test::read_file(entry.path().string());
    fuzz(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++inputs;
  }
  CHECK(inputs > 0, "no inputs kept for ", target);
}

TEST("corpus: safetensors") { replay("safetensors", fuzz_safetensors); }
TEST("corpus: json") { replay("json", fuzz_json); }
TEST("corpus: pickles") { replay("pickle", fuzz_pickle); }
TEST("corpus: hqq layers") { replay("hqq_layer", fuzz_hqq_layer); }
TEST("corpus: gguf") { replay("gguf", fuzz_gguf); }

/// The kept layers must really load, or the target tests nothing but refusals.
TEST("corpus: most of the kept hqq layers are sound") {
  int sound = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HQQ_REPO "/native/tests/corpus/hqq_layer")) {
    try {
      load_hqq_layer(TensorStore::open(entry.path().string()), "m");
      ++sound;
    } catch (const EngineError&) {
    }
  }
  CHECK(sound >= 8, "only ", sound);
}

}  // namespace
}  // namespace hqq
