// What a loaded model does besides arithmetic: outcomes of generation, cache reuse, cancelling, sizes, and folders that
// lie.
#include <algorithm>
#include <filesystem>

#include "io/safetensors.h"
#include "model/model.h"
#include "model/weight_source.h"
#include "quant/quantize.h"
#include "tests/support/check.h"
#include "tests/support/memory_source.h"
#include "tests/support/temp_dir.h"

using namespace hqq;

namespace {

const std::string kPlain = std::string(HQQ_TEST_DATA) + "/models/plain";
const std::vector<int32_t> kPrompt = {5, 17, 99, 3, 42, 64, 7, 8, 21, 100};

/// Cancels after a number of questions.
struct CancelAfter final : Reporter {
  explicit CancelAfter(int questions) : left(questions) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override {}
  bool cancelled() const override { return left-- <= 0; }
  mutable int left;
};

std::unique_ptr<Model> load(int64_t context = 64) {
  NullReporter reporter;
  return Model::load(kPlain, {.context_length = context}, reporter);
}

GenerateResult generate(Model& model, const std::vector<int32_t>& ids, int64_t count, std::vector<int32_t> stop = {}) {
  NullReporter reporter;
  GenerateOptions options;
  options.max_new_tokens = count;
  options.stop_ids = std::move(stop);
  return model.generate(
      ids, options, [](int32_t) {}, reporter);
}

/// A copy of the plain model with one tensor changed, replaced or (empty shape) removed.
void write_variant(const std::string& dir, const std::string& name, DType dtype, const Shape& shape) {
  std::filesystem::create_directories(dir);
  std::filesystem::copy_file(kPlain + "/config.json", dir + "/config.json");
  const TensorStore store = TensorStore::open(kPlain);
  const int64_t bytes = shape.empty() ? 0 : numel(shape) * size_of(dtype);
  const std::vector<std::byte> zeros(static_cast<size_t>(bytes));
  std::vector<TensorToWrite> tensors;
  for (const TensorEntry& entry : store.entries()) {
    if (entry.name != name) tensors.push_back({entry.name, store.view(entry.name)});
    else if (!shape.empty()) tensors.push_back({entry.name, {zeros.data(), dtype, shape}});
  }
  write_safetensors(dir + "/model.safetensors", tensors);
}

ErrorCode load_error(const std::string& dir, const std::string& must_name) {
  NullReporter reporter;
  try {
    Model::load(dir, {}, reporter);
  } catch (const EngineError& e) {
    CHECK(std::string(e.what()).find(must_name) != std::string::npos, e.what());
    return e.code();
  }
  FAIL("loaded");
}

}  // namespace

TEST("generation ends by length, by a stop id and by a full context") {
  const auto model = load(16);
  const auto by_length = generate(*model, kPrompt, 4);
  CHECK(by_length.finish_reason == FinishReason::length);
  CHECK_EQ(by_length.new_ids.size(), size_t{4});
  const auto by_stop = generate(*model, kPrompt, 4, {by_length.new_ids[1]});
  CHECK(by_stop.finish_reason == FinishReason::eos);
  CHECK(by_stop.new_ids == std::vector<int32_t>(by_length.new_ids.begin(), by_length.new_ids.begin() + 2));
  // 10 prompt ids and 6 new ones fill 16 positions; the id chosen from the last position is still given.
  const auto full = generate(*model, kPrompt, 100);
  CHECK(full.finish_reason == FinishReason::context_full);
  CHECK_EQ(full.new_ids.size(), size_t{7});
  CHECK_EQ(to_string(full.finish_reason), std::string_view("context-full"));
}

TEST("every new id is reported as it is chosen") {
  const auto model = load();
  std::vector<int32_t> seen;
  NullReporter reporter;
  const auto result = model->generate(
      kPrompt, {.max_new_tokens = 5}, [&](int32_t id) { seen.push_back(id); }, reporter);
  CHECK(seen == result.new_ids);
}

TEST("a common prefix is not computed again, and changes nothing") {
  const auto model = load();
  const auto first = generate(*model, kPrompt, 6);
  CHECK_EQ(first.reused_tokens, 0);
  auto next = kPrompt;
  next.insert(next.end(), first.new_ids.begin(), first.new_ids.end());
  next.insert(next.end(), {9, 10, 11});
  const auto continued = generate(*model, next, 6);
  // The last new id was chosen but never run through the model.
  CHECK_EQ(continued.reused_tokens, 15);
  CHECK_EQ(continued.prefill_tokens, 4);
  CHECK(continued.new_ids == generate(*load(), next, 6).new_ids);
  // The same prompt again: its last id is computed anew for its logits.
  CHECK_EQ(generate(*model, next, 6).reused_tokens, static_cast<int64_t>(next.size()) - 1);
  // A different beginning shares nothing.
  CHECK_EQ(generate(*model, {6, 17, 99}, 2).reused_tokens, 0);
}

TEST("measuring in between does not corrupt the cache") {
  const auto model = load();
  const auto before = generate(*model, kPrompt, 6);
  NullReporter reporter;
  std::vector<float> logits(3 * 128);
  model->logits({{5, 17, 30}}, logits, Numerics::exact, reporter);
  const auto after = generate(*model, kPrompt, 6);
  CHECK_EQ(after.reused_tokens, 0);  // measured with exact arithmetic, generation uses the fast one
  CHECK(after.new_ids == before.new_ids);
}

TEST("cancelling is an outcome of generation and an error of a measurement") {
  const auto model = load();
  for (const int questions : {0, 1, 3, 40, 45}) {
    CancelAfter reporter(questions);
    const auto result = model->generate(
        kPrompt, {.max_new_tokens = 40}, [](int32_t) {}, reporter);
    CHECK(result.finish_reason == FinishReason::cancelled);
    CHECK(result.new_ids.size() < 40);
  }
  // What was cancelled left nothing wrong behind.
  CHECK(generate(*model, kPrompt, 6).new_ids == generate(*load(), kPrompt, 6).new_ids);
  CancelAfter reporter(2);
  std::vector<float> logits(10 * 128);
  CHECK_THROWS_CODE(model->logits({kPrompt}, logits, Numerics::exact, reporter), cancelled);
  CHECK_THROWS_CODE(model->perplexity(kPrompt, {.window = 4}, reporter), cancelled);
}

TEST("a prompt longer than one batch gives the same logits as its parts") {
  NullReporter reporter;
  const auto model = load(600);
  std::vector<int32_t> ids(600);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(3 + i * 37 % 120);
  const auto at_once = generate(*model, ids, 1);
  const auto again = load(600);
  generate(*again, {ids.begin(), ids.begin() + 301}, 1);
  const auto in_parts = generate(*again, ids, 1);
  CHECK_EQ(in_parts.reused_tokens, 301);
  CHECK(at_once.new_ids == in_parts.new_ids);
}

TEST("input that cannot be run") {
  const auto model = load(16);
  NullReporter reporter;
  CHECK_THROWS_CODE(generate(*model, {}, 1), bad_input);
  CHECK_THROWS_CODE(generate(*model, {128}, 1), bad_input);
  CHECK_THROWS_CODE(generate(*model, {-1}, 1), bad_input);
  CHECK_THROWS_CODE(generate(*model, {1}, 0), bad_input);
  CHECK_THROWS_CODE(generate(*model, std::vector<int32_t>(17, 5), 1), bad_input);
  std::vector<float> out(17 * 128);
  CHECK_THROWS_CODE(model->logits({std::vector<int32_t>(17, 5)}, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->logits({{1, 2}, {1}}, out, Numerics::exact, reporter), bad_input);
  CHECK_THROWS_CODE(model->perplexity(kPrompt, {.window = 17}, reporter), bad_input);
  CHECK_THROWS_CODE(Model::load(kPlain, {.compute_dtype = DType::u8}, reporter), bad_input);
  CHECK_THROWS_CODE(Model::load(kPlain + "/absent", {}, reporter), not_found);
}

TEST("folders whose tensors do not fit the config") {
  const test::TempDir temp;
  const std::string norm = "model.layers.1.input_layernorm.weight", up = "model.layers.0.mlp.up_proj.weight";
  write_variant(temp / "missing", up, DType::f16, {});
  CHECK(load_error(temp / "missing", up) == ErrorCode::bad_file);
  write_variant(temp / "shape", up, DType::f16, {112, 32});
  CHECK(load_error(temp / "shape", "[112, 32]") == ErrorCode::bad_file);
  write_variant(temp / "norm", norm, DType::f32, {63});
  CHECK(load_error(temp / "norm", norm) == ErrorCode::bad_file);
  write_variant(temp / "dtype", up, DType::i32, {112, 64});
  CHECK(load_error(temp / "dtype", up) == ErrorCode::unsupported);
  write_variant(temp / "head", "lm_head.weight", DType::f16, {});
  CHECK(load_error(temp / "head", "lm_head") == ErrorCode::bad_file);
}

TEST("the sizes a model reports are those it holds") {
  const auto before = memory_counts();
  NullReporter reporter;
  test::OverlaySource source(kPlain, test::quantize_linears({.nbits = 4, .group_size = 64}));
  const auto model = Model::build(read_model_config(kPlain), source, {.context_length = 64}, reporter);
  const auto after = memory_counts();
  const auto grown = [&](MemoryUse use) {
    return after.live[static_cast<size_t>(use)] - before.live[static_cast<size_t>(use)];
  };
  const ModelInfo info = model->info();
  CHECK_EQ(info.weight_bytes, grown(MemoryUse::weights));
  CHECK_EQ(info.metadata_bytes, grown(MemoryUse::metadata));
  CHECK_EQ(info.kv_cache_bytes, grown(MemoryUse::kv_cache));
  CHECK_EQ(info.scratch_bytes, grown(MemoryUse::scratch));
  CHECK_EQ(info.kv_cache_bytes, 2 * 2 * 2 * 64 * 16 * 4);  // k and v, layers, heads, positions, head_dim, float32
  // 4 bits a weight for the linears, embedding and head in place in the file.
  int64_t weights = 0;
  for (const LayerInfo& layer : info.layers)
    if (layer.quantized) weights += layer.weight_bytes;
  CHECK_EQ(weights, (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 112) * 2 / 2 +
                        2 * 64 * 16 / 2);  // down_proj: 112 columns padded to 128
  CHECK_EQ(info.mapped_bytes, 2 * 128 * 64 * 2);
  CHECK_EQ(info.parameters, 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 112 + 2 * 64) + 64 + 2 * 128 * 64);
  CHECK_EQ(info.layers.size(), size_t{15});
}

TEST("biases count as weights held in memory") {
  const auto before = memory_counts().live[static_cast<size_t>(MemoryUse::weights)];
  NullReporter reporter;
  const auto model = Model::load(std::string(HQQ_TEST_DATA) + "/models/biased", {.context_length = 64}, reporter);
  CHECK_EQ(model->info().weight_bytes, memory_counts().live[static_cast<size_t>(MemoryUse::weights)] - before);
}

TEST("memory is given back when a model goes") {
  const auto before = memory_counts();
  { const auto model = load(); }
  CHECK(memory_counts().live == before.live);
}
