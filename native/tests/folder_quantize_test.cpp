// Quantizing a folder: what is written, and what is left and taken up again when the process is killed, the disk is
// full, the folder is read-only or a weight is NaN.
#include "engine/quantize_model.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>

#include "core/arena.h"
#include "engine/quantize_journal.h"
#include "io/hqq_layer.h"
#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TempDir;

constexpr int kLayers = 6;
constexpr int64_t kOut = 96, kIn = 128;

QuantConfig four_bits() { return {.nbits = 4, .group_size = 64, .round_zero = true}; }

/// Float32 tensors owned together.
class ModelFile {
 public:
  float* add(const std::string& name, Shape shape) {
    values_.emplace_back(static_cast<size_t>(numel(shape)));
    auto& values = values_.back();
    for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i + 31 * values_.size())) / 30;
    tensors_.push_back({name, {values.data(), DType::f32, std::move(shape)}});
    return values.data();
  }
  void write(const std::string& path) const { write_safetensors(path, tensors_); }

 private:
  std::deque<std::vector<float>> values_;
  std::vector<TensorToWrite> tensors_;
};

/// Six layers, a norm in each, an embedding; `first` may change the first layer's weights.
void write_model(const std::string& dir, const std::function<void(float*)>& first = {}) {
  fs::create_directories(dir);
  ModelFile file;
  file.add("embed.weight", {50, kIn});
  for (int i = 0; i < kLayers; ++i) {
    float* weight = file.add("layers." + std::to_string(i) + ".proj.weight", {kOut, kIn});
    if (i == 0 && first) first(weight);
    file.add("layers." + std::to_string(i) + ".norm.weight", {kIn});
  }
  file.write(dir + "/model.safetensors");
}

QuantizeModelOptions options_for(const TempDir& dir, const std::string& out) {
  QuantizeModelOptions options{
      .model_dir = dir / "source", .out_dir = dir / out, .choices = {}, .compute_dtype = DType::f16};
  for (int i = 0; i < kLayers; ++i)
    options.choices.push_back({"layers." + std::to_string(i) + ".proj", four_bits(), "hqq"});
  options.choices[1].config = {.nbits = 2, .group_size = 16};
  options.choices[2].config = {.nbits = 3, .group_size = 0};
  options.choices[3].config = {.nbits = 5, .group_size = 48, .axis = 0};
  options.choices[4].config = {.nbits = 8, .group_size = 96, .quant_zero = true, .quant_scale = true};
  return options;
}

QuantizeModelResult quantize(const QuantizeModelOptions& options) {
  NullReporter reporter;
  return quantize_model(options, reporter);
}

/// Acts when the given number of layers are done.
class StopAfter final : public Reporter {
 public:
  StopAfter(int layers, std::function<void()> act) : left_(layers), act_(std::move(act)) {}
  void progress(const std::string&) override {}
  void emit(const std::string&) override {
    if (--left_ == 0 && act_) act_();
  }
  bool cancelled() const override { return left_ <= 0; }

 private:
  int left_;
  std::function<void()> act_;
};

/// Runs `body` in a process of its own and returns how that ended.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) throw test::Failure("no child process");
  return status;
}

void quantize_and_die(const QuantizeModelOptions& options, int layers) {
  const int status = in_child([&] {
    StopAfter reporter(layers, [] { ::raise(SIGKILL); });
    quantize_model(options, reporter);
    return 0;
  });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child should have been killed");
}

/// Contents of all model files in a folder, by name.
std::map<std::string, std::string> model_files(const std::string& dir) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().filename() != kJournalName)
      files[entry.path().filename().string()] = read_file(entry.path().string());
  }
  return files;
}

std::string message_of(const std::function<void()>& body, ErrorCode code) {
  try {
    body();
  } catch (const EngineError& error) {
    CHECK(error.code() == code, to_string(error.code()), ": ", error.what());
    return error.what();
  }
  FAIL("did not fail");
}

TEST("folder: layers are quantized as one by one, the rest is kept") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions options = options_for(dir, "out");
  const QuantizeModelResult result = quantize(options);
  CHECK_EQ(result.quantized_tensors, kLayers);
  CHECK_EQ(result.kept_tensors, kLayers + 1);
  CHECK_EQ(result.resumed_tensors, 0);
  CHECK_EQ(result.file_bytes, static_cast<int64_t>(fs::file_size(dir / "out/model.safetensors")));

  const TensorStore source = TensorStore::open(dir / "source"), made = TensorStore::open(dir / "out");
  CHECK_EQ(made.metadata().at("format"), "pt");
  for (const LayerChoice& choice : options.choices) {
    QuantizedTensor expected =
        quant_method(choice.method)
            .quantize(source.view(choice.module + ".weight"), choice.config, PackFormat::dense, nullptr, nullptr, nullptr);
    cast_meta(expected, DType::f16);
    const QuantizedTensor got = load_hqq_layer(made, choice.module);
    CHECK(got.packing == expected.packing && got.packed_shape == expected.packed_shape);
    CHECK_EQ(std::memcmp(got.packed.data(), expected.packed.data(), static_cast<size_t>(expected.packed.bytes())), 0);
    CHECK_EQ(got.scale.quantized, choice.config.quant_scale);
    CHECK(!made.contains(choice.module + ".weight"));
  }
  const TensorView norm = made.view("layers.0.norm.weight"), before = source.view("layers.0.norm.weight");
  CHECK(norm.dtype == DType::f16);
  float value = 0;
  to_f32(norm.data, DType::f16, &value, 1);
  CHECK_EQ(value, f16_to_f32(f32_to_f16(*static_cast<const float*>(before.data))));
}

TEST("folder: without a compute dtype kept tensors are copied bit by bit") {
  const TempDir dir;
  write_model(dir / "source");
  QuantizeModelOptions options = options_for(dir, "out");
  options.compute_dtype.reset();
  quantize(options);
  const TensorStore source = TensorStore::open(dir / "source"), made = TensorStore::open(dir / "out");
  for (const char* name : {"embed.weight", "layers.3.norm.weight"}) {
    CHECK(made.view(name).dtype == DType::f32);
    CHECK_EQ(std::memcmp(made.view(name).data, source.view(name).data, static_cast<size_t>(source.view(name).bytes())),
             0);
  }
  CHECK(load_hqq_layer(made, "layers.0.proj").scale.dtype == DType::f32);
}

TEST("folder: a quantized model can be quantized further; what was quantized stays") {
  const TempDir dir;
  write_model(dir / "source");
  QuantizeModelOptions options = options_for(dir, "half");
  const auto all = options.choices;
  options.choices.resize(2);
  options.compute_dtype = DType::f32;
  quantize(options);
  QuantizeModelOptions rest{.model_dir = dir / "half",
                            .out_dir = dir / "whole",
                            .choices = {all.begin() + 2, all.end()},
                            .compute_dtype = DType::bf16};
  quantize(rest);
  const TensorStore half = TensorStore::open(dir / "half"), whole = TensorStore::open(dir / "whole");
  CHECK_EQ(hqq_layer_names(whole).size(), static_cast<size_t>(kLayers));
  for (const TensorEntry& entry : half.entries()) {
    if (!entry.name.starts_with("layers.0.proj.")) continue;
    CHECK_EQ(std::memcmp(half.view(entry.name).data, whole.view(entry.name).data, static_cast<size_t>(entry.bytes)), 0);
  }
}

TEST("folder: a layer that is stored quantized is quantized anew from its values") {
  const TempDir dir;
  write_model(dir / "source");
  QuantizeModelOptions options = options_for(dir, "first");
  quantize(options);
  LayerChoice finer = options.choices[0];
  finer.config.nbits = 8;
  quantize({.model_dir = dir / "first", .out_dir = dir / "second", .choices = {finer}, .compute_dtype = {}});
  const TensorStore first = TensorStore::open(dir / "first"), second = TensorStore::open(dir / "second");
  CHECK_EQ(first.entries().size(), second.entries().size());
  const QuantizedTensor before = load_hqq_layer(first, finer.module), after = load_hqq_layer(second, finer.module);
  CHECK_EQ(after.config.nbits, 8);
  std::vector<float> was(static_cast<size_t>(numel(before.shape))), is(was.size());
  dequantize(before, was.data());
  dequantize(after, is.data());
  // Half a step of 8 bits over the widest range of a group.
  const auto [least, most] = std::minmax_element(was.begin(), was.end());
  const double step = (*most - *least) / 255;
  for (size_t i = 0; i < was.size(); ++i) CHECK_NEAR(is[i], was[i], step);
}

TEST("folder: a sharded result has an index, and holds the same tensors") {
  const TempDir dir;
  write_model(dir / "source");
  QuantizeModelOptions options = options_for(dir, "single");
  quantize(options);
  options.out_dir = dir / "sharded";
  options.max_file_bytes = 16'000;
  const QuantizeModelResult result = quantize(options);
  CHECK(result.files.size() > 3, "only ", result.files.size());
  CHECK_EQ(result.files.back(), "model.safetensors.index.json");
  const TensorStore single = TensorStore::open(dir / "single"), sharded = TensorStore::open(dir / "sharded");
  CHECK_EQ(single.entries().size(), sharded.entries().size());
  for (const TensorEntry& entry : single.entries()) {
    CHECK_EQ(std::memcmp(single.view(entry.name).data, sharded.view(entry.name).data, static_cast<size_t>(entry.bytes)),
             0);
  }
}

TEST("folder: killed after any layer, a second run goes on and the bytes are the same") {
  const TempDir dir;
  write_model(dir / "source");
  for (const int64_t file_bytes : {int64_t{5'000'000'000}, int64_t{16'000}}) {
    const std::string tag = std::to_string(file_bytes);
    QuantizeModelOptions whole = options_for(dir, "whole" + tag);
    whole.max_file_bytes = file_bytes;
    quantize(whole);
    const auto expected = model_files(whole.out_dir);
    for (int layers = 1; layers <= kLayers; ++layers) {
      QuantizeModelOptions options = whole;
      options.out_dir = dir / ("killed" + tag + "-" + std::to_string(layers));
      quantize_and_die(options, layers);
      const QuantizeModelResult result = quantize(options);
      CHECK(result.resumed_tensors >= layers, "after ", layers, " layers only ", result.resumed_tensors,
            " tensors were taken over");
      CHECK_EQ(result.quantized_tensors, kLayers);
      CHECK(model_files(options.out_dir) == expected, "killed after ", layers);
    }
  }
}

TEST("folder: a finished result is recognised") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions options = options_for(dir, "out");
  quantize(options);
  const auto first = model_files(options.out_dir);
  CHECK_EQ(quantize(options).resumed_tensors, 2 * kLayers + 1);
  CHECK(model_files(options.out_dir) == first);
}

TEST("folder: damaged leftovers are made again") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions whole = options_for(dir, "whole"), options = options_for(dir, "out");
  quantize(whole);
  quantize_and_die(options, 4);
  const std::string partial = dir / "out/model.safetensors.partial", journal = dir / "out/" + kJournalName;
  std::string bytes = read_file(partial);
  const auto offset = TensorStore::open(whole.out_dir).find("layers.1.proj.W_q")->offset;
  bytes[static_cast<size_t>(offset) + 5] ^= 1;
  std::ofstream(partial, std::ios::binary) << bytes;
  // A torn last line, as after a power failure.
  std::ofstream(journal, std::ios::binary | std::ios::app) << "{\"tensor\":\"layers.5.proj.weight\",\"sha";
  const int64_t lines = std::ranges::count(read_file(journal), '\n') - 1;
  CHECK_EQ(quantize(options).resumed_tensors, lines - 1);
  CHECK(model_files(options.out_dir) == model_files(whole.out_dir));

  std::ofstream(dir / "out/" + kJournalName, std::ios::binary) << "rubbish\n";
  message_of([&] { quantize(options); }, ErrorCode::bad_file);
}

TEST("folder: unfinished work of another kind is refused, not mixed in") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions options = options_for(dir, "out");
  quantize_and_die(options, 2);
  QuantizeModelOptions other = options;
  other.choices[5].config.round_zero = false;
  CHECK(message_of([&] { quantize(other); }, ErrorCode::bad_input).find("other settings") != std::string::npos);
  other = options;
  other.choices[5].method = "rtn";
  CHECK(message_of([&] { quantize(other); }, ErrorCode::bad_input).find("other settings") != std::string::npos);
  other = options;
  other.compute_dtype = DType::bf16;
  CHECK(message_of([&] { quantize(other); }, ErrorCode::bad_input).find("other settings") != std::string::npos);
  write_model(dir / "source", [](float* weight) { weight[0] = 1; });
  CHECK(message_of([&] { quantize(options); }, ErrorCode::bad_input).find("has changed since") != std::string::npos);
}

TEST("folder: plans that do not fit the model are refused before anything is written") {
  const TempDir dir;
  write_model(dir / "source");
  const auto refused = [&](const LayerChoice& choice, ErrorCode code, const std::string& words) {
    QuantizeModelOptions options = options_for(dir, "out");
    options.choices.push_back(choice);
    const std::string why = message_of([&] { quantize(options); }, code);
    CHECK(why.find(words) != std::string::npos, why);
    CHECK(!fs::exists(options.out_dir));
  };
  refused({"layers.9.proj", four_bits(), "hqq"}, ErrorCode::bad_input, "layers.9.proj");
  refused({"layers.0.proj", four_bits(), "hqq"}, ErrorCode::bad_input, "twice");
  refused({"layers.0.norm", four_bits(), "hqq"}, ErrorCode::bad_input, "only matrices");
  refused({"embed", {.nbits = 4, .group_size = 7}, "hqq"}, ErrorCode::bad_input, "embed");
  refused({"embed", four_bits(), "magic"}, ErrorCode::bad_input, "magic");
  QuantizeModelOptions options = options_for(dir, "source");
  message_of([&] { quantize(options); }, ErrorCode::bad_input);
  options.out_dir = dir / "nowhere/out";
  message_of([&] { quantize(options); }, ErrorCode::not_found);
  write_model(dir / "taken");
  options.out_dir = dir / "taken";
  CHECK(message_of([&] { quantize(options); }, ErrorCode::bad_input).find("holds a model already") !=
        std::string::npos);
}

TEST("folder: NaN and values that the compute dtype cannot hold are named") {
  const TempDir dir;
  write_model(dir / "source", [](float* weight) { weight[777] = std::numeric_limits<float>::quiet_NaN(); });
  QuantizeModelOptions options = options_for(dir, "out");
  CHECK(message_of([&] { quantize(options); }, ErrorCode::bad_weights).find("layers.0.proj.weight") !=
        std::string::npos);
  write_model(dir / "source", [](float* weight) { weight[777] = 1e6f; });
  options.out_dir = dir / "kept";
  options.choices.erase(options.choices.begin());
  const std::string why = message_of([&] { quantize(options); }, ErrorCode::bad_weights);
  CHECK(why.find("layers.0.proj.weight") != std::string::npos && why.find("too large for float16") != std::string::npos,
        why);
  options.out_dir = dir / "bf16";
  options.compute_dtype = DType::bf16;
  CHECK_EQ(quantize(options).quantized_tensors, kLayers - 1);
}

TEST("folder: cancelling keeps what is done") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions options = options_for(dir, "out");
  StopAfter reporter(3, {});
  message_of([&] { quantize_model(options, reporter); }, ErrorCode::cancelled);
  CHECK(!fs::exists(dir / "out/model.safetensors"));
  CHECK(quantize(options).resumed_tensors >= 3);
}

TEST("folder: a source that arrives piece by piece gives the same bytes, and what was wrong is done again") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions whole = options_for(dir, "whole");
  quantize(whole);

  // The header is there from the start, the data is not: a run that read more than it was told to would show.
  const std::string full = read_file(dir / "source/model.safetensors");
  const std::string path = dir / "arriving/model.safetensors";
  fs::create_directories(dir / "arriving");
  const auto fill = [&](const std::string& content) {
    OutputFile file(path, OutputFile::Mode::keep);
    file.write_at(0, std::as_bytes(std::span(content)));
  };
  int64_t header = 0;
  std::memcpy(&header, full.data(), sizeof header);
  fill(full.substr(0, static_cast<size_t>(header) + 8) +
       std::string(full.size() - static_cast<size_t>(header) - 8, '\x3c'));
  QuantizeModelOptions part = options_for(dir, "out");
  part.model_dir = dir / "arriving";

  std::vector<std::string> names;
  const TensorStore store = TensorStore::open(part.model_dir);
  for (const TensorEntry& entry : store.entries()) names.push_back(entry.name);
  const std::vector<std::string> first(names.begin(), names.begin() + 5), rest(names.begin() + 5, names.end());
  const auto run = [&](std::optional<std::vector<std::string>> tensors, std::vector<std::string> discard = {}) {
    part.arriving = ArrivingSource{"commit 1", std::move(discard), std::move(tensors)};
    return quantize(part);
  };

  // Wrong bytes at first: what was made of them is thrown away.
  CHECK(run(std::vector{first[0]}).files.empty());
  run(std::vector<std::string>{}, {first[0]});
  fill(full);
  CHECK_EQ(run(first).resumed_tensors, 0);
  CHECK_EQ(run(first).resumed_tensors, static_cast<int64_t>(first.size()));
  const QuantizeModelResult incomplete = run(std::nullopt);
  CHECK(incomplete.files.empty());
  CHECK(incomplete.missing == rest);
  run(rest);
  // What is done is not read again: the source may be gone by now.
  fill(full.substr(0, static_cast<size_t>(header) + 8) +
       std::string(full.size() - static_cast<size_t>(header) - 8, '\x3c'));
  const QuantizeModelResult done = run(std::nullopt);
  CHECK(done.missing.empty());
  CHECK_EQ(done.resumed_tensors, static_cast<int64_t>(names.size()));
  CHECK(model_files(part.out_dir) == model_files(whole.out_dir));
}

TEST("folder: a disk too small for the result is refused first, with both numbers") {
  const TempDir dir;
  fs::create_directories(dir / "source");
  // A sparse file: 4 TB of zeros that take no room.
  const std::string header = safetensors_header({tensor_spec("huge.weight", DType::f16, {1 << 20, 1 << 21})}, {});
  const std::string path = dir.write("source/model.safetensors", header);
  std::error_code error;
  fs::resize_file(path, header.size() + (uint64_t{1} << 42), error);
  if (error) SKIP("this file system has no files of 4 TB: ", error.message());
  QuantizeModelOptions options{.model_dir = dir / "source",
                               .out_dir = dir / "out",
                               .choices = {{"huge", four_bits(), "hqq"}},
                               .compute_dtype = DType::f16};
  const std::string why = message_of([&] { quantize(options); }, ErrorCode::disk_full);
  CHECK(why.find("GB free, but ") != std::string::npos && why.find("GB are needed") != std::string::npos, why);
}

TEST("folder: a disk that fills up in the middle keeps the finished tensors and says so") {
  const TempDir dir;
  write_model(dir / "source");
  const QuantizeModelOptions whole = options_for(dir, "whole"), options = options_for(dir, "out");
  quantize(whole);
  quantize_and_die(options, 2);
  // The limit on file sizes stands in for the full disk: both end a write in the middle of the file.
  const auto limit = TensorStore::open(whole.out_dir).find("layers.4.proj.W_q")->offset;
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{static_cast<rlim_t>(limit), RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 3;
    try {
      quantize(options);
      return 4;
    } catch (const EngineError& error) {
      if (error.code() != ErrorCode::disk_full) return 5;
      return std::string(error.what()).find("tensors are kept") != std::string::npos ? 0 : 6;
    }
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status ", status);
  CHECK(quantize(options).resumed_tensors >= 2);
  CHECK(model_files(options.out_dir) == model_files(whole.out_dir));
}

TEST("folder: a read-only target is refused in words") {
  const TempDir dir;
  write_model(dir / "source");
  fs::create_directory(dir / "out");
  constexpr auto readable = static_cast<fs::perms>(0555);
  fs::permissions(dir.str(), readable | fs::perms::owner_write);
  fs::permissions(dir / "out", readable);
  const auto code_of = [](const QuantizeModelOptions& options) {
    try {
      quantize(options);
    } catch (const EngineError& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  const int status = in_child([&] {
    // Permissions do not bind root.
    if (::geteuid() == 0 && ::seteuid(65534) != 0) return 3;
    if (code_of(options_for(dir, "out")) != ErrorCode::not_writable) return 4;
    return code_of(options_for(dir, "new")) == ErrorCode::not_writable ? 0 : 5;
  });
  fs::permissions(dir / "out", fs::perms::owner_all);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status ", status);
}

TEST("folder: memory stays at a few times the largest tensor, whatever the model's size") {
  const TempDir dir;
  fs::create_directories(dir / "source");
  constexpr int layers = 24;
  constexpr int64_t extent = 512;
  ModelFile file;
  QuantizeModelOptions options{
      .model_dir = dir / "source", .out_dir = dir / "out", .choices = {}, .compute_dtype = DType::f16};
  for (int i = 0; i < layers; ++i) {
    file.add("layers." + std::to_string(i) + ".weight", {extent, extent});
    options.choices.push_back({"layers." + std::to_string(i), four_bits(), "hqq"});
  }
  file.write(dir / "source/model.safetensors");
  reset_peak();
  const auto result = quantize(options);
  CHECK(memory_counts().peak_total < 4 * extent * extent * 4, memory_counts().peak_total, " bytes");
  CHECK(result.peak_bytes >= 0);
  for (const int64_t live : memory_counts().live) CHECK_EQ(live, 0);
}

TEST("folder: names are worked on in the order people read them") {
  CHECK(natural_less("layers.2.a", "layers.10.a"));
  CHECK(!natural_less("layers.10.a", "layers.2.a"));
  CHECK(natural_less("a", "b"));
  CHECK(natural_less("layers.1", "layers.1.x"));
  CHECK(natural_less("a.01", "a.1") != natural_less("a.1", "a.01"));
  CHECK(!natural_less("a.1", "a.1"));
}

}  // namespace
}  // namespace hqq
