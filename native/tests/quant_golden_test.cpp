// The quantizer against results of the official implementation. A subset lies in tests/data/quant; with the shared golden data
// at hand all of it is compared. Tolerances: scale bit-exact, at least 99.9 % of the integers equal and none off by more than
// one, zero within 1e-5 in groups without such a difference, mean error within 1e-4.
#include <cmath>
#include <cstring>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"
#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/quantize.h"
#include "quant/reference.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

using test::at_every_level;
using test::at_every_thread_count;
using test::shared_data;

const std::string kData = HQQ_TEST_DATA "/quant";

struct Floats {
  std::vector<float> values;
  explicit Floats(const TensorView& view) : values(static_cast<size_t>(view.numel())) {
    to_f32(view.data, view.dtype, values.data(), view.numel());
  }
};

QuantConfig config_of(const Json& c) {
  QuantConfig config;
  config.nbits = static_cast<int>(c.at("nbits").as_int());
  config.group_size = c.get("group_size", int64_t{0});
  config.axis = static_cast<int>(c.at("axis").as_int());
  config.round_zero = c.get("round_zero", config.nbits == 4);
  return config;
}

double mean_abs_error(const std::vector<float>& weight, const QuantizedTensor& tensor) {
  std::vector<float> back(weight.size());
  dequantize(tensor, back.data());
  double sum = 0;
  for (size_t i = 0; i < back.size(); ++i) sum += std::fabs(static_cast<double>(weight[i]) - static_cast<double>(back[i]));
  return sum / static_cast<double>(back.size());
}

struct Golden {
  TensorView q, scale, zero;  // q: u8 in the grouped view
};

/// Compares integers, scale and zero; returns how many integers differ.
int64_t compare(const std::string& name, const QuantizedTensor& ours, const Golden& golden) {
  CHECK((golden.q.shape == Shape{ours.rows, ours.cols}), name, to_string(golden.q.shape));
  const int64_t n = ours.rows * ours.cols;
  std::vector<uint8_t> q(static_cast<size_t>(n));
  unpack(ours, q.data());
  const int64_t groups = meta_count(ours.scale);
  std::vector<bool> flipped(static_cast<size_t>(groups));
  const auto* expected = static_cast<const uint8_t*>(golden.q.data);
  int64_t different = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int off = std::abs(int{q[static_cast<size_t>(i)]} - int{expected[i]});
    CHECK(off <= 1, name, ": element ", i, " is off by ", off);
    different += off;
    const int64_t group = groups == 1 ? 0 : ours.config.axis == 1 ? i / ours.cols : i % ours.cols;
    if (off != 0) flipped[static_cast<size_t>(group)] = true;
  }
  CHECK(static_cast<double>(different) <= 1e-3 * static_cast<double>(n), name, ": ", different, " of ", n, " integers differ");
  const Floats golden_scale(golden.scale), golden_zero(golden.zero);
  std::vector<float> scale(static_cast<size_t>(groups)), zero(scale.size());
  CHECK_EQ(golden_scale.values.size(), scale.size());
  meta_to_f32(ours.scale, scale.data());
  meta_to_f32(ours.zero, zero.data());
  CHECK(std::memcmp(scale.data(), golden_scale.values.data(), scale.size() * 4) == 0, name, ": scales are not bit-exact");
  for (size_t i = 0; i < zero.size(); ++i) {
    if (!flipped[i]) CHECK_NEAR(zero[i], golden_zero.values[i], 1e-5);
  }
  return different;
}

void compare_packed(const std::string& name, const QuantizedTensor& ours, const TensorView& golden) {
  CHECK(ours.packed_shape == golden.shape, name);
  CHECK_EQ(ours.packed.bytes(), golden.bytes());
  CHECK(std::memcmp(ours.packed.data(), golden.data, static_cast<size_t>(golden.bytes())) == 0, name, ": packed bytes differ");
}

void compare_error(const std::string& name, const std::vector<float>& weight, const QuantizedTensor& ours,
                   const QuantStats& stats, double golden) {
  CHECK(std::fabs(stats.mean_abs_error - golden) <= 1e-4 * golden + 1e-12, name, ": mean error ", stats.mean_abs_error, " vs ", golden);
  CHECK(std::fabs(mean_abs_error(weight, ours) - stats.mean_abs_error) <= 1e-5 * golden + 1e-12, name, ": reported error is wrong");
}

/// root holds quant/index.json and what it names.
void compare_quant(const std::string& root, size_t least) {
  const Json index = read_json_file(root + "/quant/index.json");
  size_t cases = 0;
  int64_t different = 0, other_stop = 0;
  for (const Json& matrix : index.at("matrices").as_array()) {
    const TensorStore store = TensorStore::open(root + "/" + matrix.at("file").as_string());
    const TensorView weight = store.view("W");
    const Floats values(weight);
    for (const Json& c : matrix.at("cases").as_array()) {
      const std::string key = c.at("case").as_string(), name = matrix.at("id").as_string() + "." + key;
      QuantStats stats;
      const QuantizedTensor ours = quantize(weight, config_of(c), PackFormat::interchange, &stats);
      const int64_t off = compare(name, ours, {store.view(key + ".W_q"), store.view(key + ".scale"), store.view(key + ".zero")});
      different += off;
      other_stop += stats.iterations != c.at("iterations").as_int();
      if (off == 0) compare_packed(name, ours, store.view(key + ".packed"));
      compare_error(name, values.values, ours, stats, c.at("error").at("mae").as_number());
      ++cases;
    }
  }
  CHECK(cases >= least, cases);
  // Stricter than the tolerances: the summation order is the reference's too.
  CHECK_EQ(different, 0);
  CHECK_EQ(other_stop, 0);
}

void compare_variants(const std::string& root) {
  const Json index = read_json_file(root + "/optim/variants.json");
  const TensorStore store = TensorStore::open(root + "/optim/variants.safetensors");
  const TensorView weight = store.view("W");
  const Floats values(weight);
  int cases = 0;
  for (const Json& c : index.at("cases").as_array()) {
    const std::string name = c.at("case").as_string(), kind = name.substr(0, name.find('_'));
    // The others are optimizers and widths (1.58 bit) that this engine does not offer.
    if (kind != "noopt" && kind != "noround" && kind != "round" && kind != "b6" && kind != "b5" && kind != "global") continue;
    QuantConfig config = config_of(c);
    config.optimize = kind != "noopt";
    config.channel_wise = kind != "global";
    QuantStats stats;
    const QuantizedTensor ours = quantize(weight, config, PackFormat::interchange, &stats);
    const bool global = kind == "global";
    // Per tensor, the 8-bit packing is the integers themselves.
    compare(name, ours, {store.view(name + (global ? ".packed" : ".W_q")), store.view(name + ".scale"), store.view(name + ".zero")});
    compare_packed(name, ours, store.view(name + ".packed"));
    if (const Json* error = c.find("error")) compare_error(name, values.values, ours, stats, error->at("mae").as_number());
    CHECK_EQ(ours.scale.shape.size(), global ? 0u : 2u);
    ++cases;
  }
  CHECK_EQ(cases, 14);
}

void compare_hqqlinear(const std::string& root) {
  const Json index = read_json_file(root + "/hqqlinear/hqqlinear.json");
  const TensorStore store = TensorStore::open(root + "/hqqlinear/hqqlinear.safetensors");
  const Floats wide(store.view("W"));
  int cases = 0;
  for (const Json& c : index.at("cases").as_array()) {
    if (c.at("view_as_float").as_bool()) continue;  // the same bytes under another dtype: a matter of file reading
    const std::string name = c.at("case").as_string();
    const DType compute = *dtype_from_torch("torch." + c.at("compute_dtype").as_string());
    const DType input = *dtype_from_torch("torch." + c.at("input_weight_dtype").as_string());
    std::vector<std::byte> narrow(wide.values.size() * static_cast<size_t>(size_of(input)));
    from_f32(wide.values.data(), input, narrow.data(), static_cast<int64_t>(wide.values.size()));
    QuantizedTensor ours = quantize(TensorView{narrow.data(), input, store.view("W").shape}, config_of(c));
    cast_meta(ours, compute);
    compare_packed(name, ours, store.view(name + ".W_q"));
    const TensorView scale = store.view(name + ".scale"), zero = store.view(name + ".zero"), golden = store.view(name + ".W_dq");
    CHECK(scale.dtype == compute && zero.dtype == compute && golden.dtype == compute, name);
    CHECK(std::memcmp(ours.scale.values.data(), scale.data, static_cast<size_t>(scale.bytes())) == 0, name, ": scale");
    CHECK(std::memcmp(ours.zero.values.data(), zero.data, static_cast<size_t>(zero.bytes())) == 0, name, ": zero");
    std::vector<std::byte> back(static_cast<size_t>(golden.bytes()));
    dequantize(ours, compute, back.data());
    CHECK(std::memcmp(back.data(), golden.data, back.size()) == 0, name, ": dequantized weights are not bit-exact");
    ++cases;
  }
  CHECK_EQ(cases, 24);
}

void compare_meta(const std::string& name, const MetaTensor& ours, const TensorStore& store, const std::string& part) {
  const TensorView q = store.view(name + "." + part + "_q");
  const Floats scale(store.view(name + ".meta_" + part + ".scale")), zero(store.view(name + ".meta_" + part + ".zero"));
  CHECK(ours.quantized, name);
  CHECK(ours.q_shape == q.shape, name, to_string(ours.q_shape));
  CHECK(std::memcmp(ours.q.data(), q.data, static_cast<size_t>(q.bytes())) == 0, name, ": ", part, " integers differ");
  CHECK_EQ(ours.q_scale.bytes(), static_cast<int64_t>(scale.values.size()) * 4);
  CHECK(std::memcmp(ours.q_scale.data(), scale.values.data(), scale.values.size() * 4) == 0, name, ": scale of ", part);
  CHECK(std::memcmp(ours.q_zero.data(), zero.values.data(), zero.values.size() * 4) == 0, name, ": zero of ", part);
}

void compare_metaquant(const std::string& root, int least) {
  const Json index = read_json_file(root + "/metaquant/metaquant.json");
  const TensorStore store = TensorStore::open(root + "/metaquant/metaquant.safetensors");
  int cases = 0;
  for (const Json& c : index.at("cases").as_array()) {
    const std::string name = c.at("case").as_string(), matrix = c.at("matrix").as_string();
    if (c.at("offload_meta").as_bool()) continue;  // groups the zeros too: a layout of the Feb-2024 offloading only
    const TensorView weight = store.view(matrix + ".W");
    QuantConfig config = config_of(c);
    config.quant_zero = c.at("quant_zero").as_bool();
    config.quant_scale = c.at("quant_scale").as_bool();
    QuantStats stats;
    const QuantizedTensor ours = quantize(weight, config, PackFormat::interchange, &stats);
    const TensorView golden_q = store.view(c.at("W_q_key").as_string());
    std::vector<uint8_t> q(static_cast<size_t>(golden_q.bytes()));
    unpack(ours, q.data());
    CHECK(std::memcmp(q.data(), golden_q.data, q.size()) == 0, name, ": integers differ");
    if (config.quant_zero) compare_meta(name, ours.zero, store, "zero");
    if (config.quant_scale) compare_meta(name, ours.scale, store, "scale");
    compare_error(name, Floats(weight).values, ours, stats, c.at("error").at("mae").as_number());
    ++cases;
  }
  CHECK(cases >= least, cases);
}

void compare_legacy(const std::string& folder) {
  const Json index = read_json_file(folder + "/legacy.json");
  const TensorStore store = TensorStore::open(folder + "/legacy.safetensors");
  int same = 0;
  for (const Json& c : index.at("cases").as_array()) {
    // February 2024 had no guard for small ranges and a growing beta; where that mattered the file says so.
    if (c.at("Wq_differs_from_HEAD_frac").as_number() != 0) continue;
    const std::string name = c.at("case").as_string();
    const TensorView weight = store.view(name.substr(0, name.find('.')) + ".W");
    const QuantizedTensor ours = quantize(weight, config_of(c));
    const TensorView golden = store.view(name + ".W_q");
    std::vector<uint8_t> q(static_cast<size_t>(golden.bytes()));
    unpack(ours, q.data());
    int64_t different = 0;
    for (size_t i = 0; i < q.size(); ++i) different += q[i] != static_cast<const uint8_t*>(golden.data)[i];
    CHECK(static_cast<double>(different) <= 1e-3 * static_cast<double>(q.size()), name, ": ", different);
    ++same;
  }
  CHECK(same >= 15, same);
}

/// The readable quantizer step by step: mean error of every step, zeros after the last.
void compare_trace(const std::string& folder) {
  const Json index = read_json_file(folder + "/trace.json");
  const TensorStore store = TensorStore::open(folder + "/trace.safetensors");
  for (const Json& c : index.at("cases").as_array()) {
    const std::string name = c.at("case").as_string();
    const TensorView weight = store.view(name.substr(0, name.find('.')) + ".W");
    const ReferenceResult ours = quantize_reference(Floats(weight).values, weight.shape, config_of(c));
    const auto& errors = c.at("errors").as_array();
    CHECK_EQ(ours.errors.size(), errors.size());
    for (size_t i = 0; i < errors.size(); ++i) CHECK_NEAR(ours.errors[i], errors[i].as_number(), 1e-6 * errors[i].as_number());
    const Floats zero(store.view(name + ".zero"));
    for (size_t i = 0; i < zero.values.size(); ++i) CHECK_NEAR(ours.zero[i], zero.values[i], 1e-5);
  }
}

}  // namespace

TEST("golden: matrices, at every level") { at_every_level([] { compare_quant(kData, 60); }); }
TEST("golden: matrices, with 1 to 5 threads") { at_every_thread_count([] { compare_quant(kData, 60); }); }
TEST("golden: no optimizer, round_zero, 5 and 6 bits, per tensor") { at_every_level([] { compare_variants(kData); }); }
TEST("golden: HQQLinear in three dtypes") { at_every_level([] { compare_hqqlinear(kData); }); }
TEST("golden: quantized zeros and scales") { at_every_level([] { compare_metaquant(kData, 12); }); }

TEST("golden, shared: all matrices") {
  const std::string root = shared_data("fixtures");
  at_every_level([&] { compare_quant(root, 200); });
  at_every_thread_count([&] { compare_quant(root, 200); });
}
TEST("golden, shared: variants, layers, metadata") {
  const std::string root = shared_data("fixtures");
  at_every_level([&] {
    compare_variants(root);
    compare_hqqlinear(root);
    compare_metaquant(root, 60);
  });
}
TEST("golden, shared: every step of the optimizer") { compare_trace(shared_data("fixtures/optim")); }
TEST("golden, shared: February 2024 where nothing changed since") {
  const std::string folder = shared_data("fixtures/legacy_feb2024");
  at_every_level([&] { compare_legacy(folder); });
}

}  // namespace hqq
