// The engine's side of quantizing on a device, against a library that only takes notes; and the rule by which it is
// decided when the solver stops.
#include "engine/cuda_quantizer.h"

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "quant/stop_rule.h"
#include "tests/support/check.h"
#include "tests/support/random_values.h"

namespace hqq {
namespace {

/// What the library was asked, and how it answers.
struct Notes {
  std::vector<std::string> calls;
  std::map<int32_t, HqqCudaQuantizeTask> running;
  int64_t device_bytes = 0;
  const char* finish_error = nullptr;
};
Notes notes;

int answer(const char* code, HqqCudaStatus* status) {
  if (code == nullptr) return 0;
  std::strncpy(status->code, code, sizeof status->code - 1);
  std::strncpy(status->message, "as told", sizeof status->message - 1);
  return 1;
}

HqqCudaQuantizeApi note_taker() {
  HqqCudaQuantizeApi api{};
  api.create = [](int32_t device, int32_t slots, HqqCudaQuantizer** quantizer, HqqCudaStatus*) {
    notes.calls.push_back("create " + std::to_string(device) + " " + std::to_string(slots));
    *quantizer = reinterpret_cast<HqqCudaQuantizer*>(&notes);
    return 0;
  };
  api.destroy = [](HqqCudaQuantizer*) { notes.calls.emplace_back("destroy"); };
  api.device_bytes = [](const HqqCudaQuantizeTask*, int64_t* bytes, HqqCudaStatus*) {
    *bytes = notes.device_bytes;
    return 0;
  };
  api.start = [](HqqCudaQuantizer*, int32_t slot, const HqqCudaQuantizeTask* task, const void*, HqqCudaStatus*) {
    notes.calls.push_back("start " + std::to_string(slot));
    notes.running[slot] = *task;
    return 0;
  };
  api.finish = [](HqqCudaQuantizer*, int32_t slot, const HqqCudaQuantizeTarget* target, HqqCudaQuantizeOutcome* outcome,
                  HqqCudaStatus* status) {
    notes.calls.push_back("finish " + std::to_string(slot));
    const HqqCudaQuantizeTask task = notes.running.at(slot);
    notes.running.erase(slot);
    if (notes.finish_error != nullptr) return answer(notes.finish_error, status);
    static_cast<uint8_t*>(target->packed)[0] = static_cast<uint8_t>(task.out_features);
    *outcome = {7, static_cast<double>(task.out_features * task.in_features), 0, 0, 0.5};
    return 0;
  };
  api.discard = [](HqqCudaQuantizer*, int32_t slot, HqqCudaStatus*) {
    notes.calls.push_back("discard " + std::to_string(slot));
    notes.running.erase(slot);
    return 0;
  };
  return api;
}

std::unique_ptr<Quantizer> noted_quantizer() {
  notes = Notes();
  return cuda_quantizer(
      {note_taker(),
       [](const HqqCudaStatus& status) { throw EngineError(*error_code_from_string(status.code), status.message); }},
      3);
}

QuantizeRequest request_of(const std::vector<float>& values, int64_t rows, const char* method = "hqq") {
  QuantizeRequest request;
  request.weight = {values.data(), DType::f32, {rows, 64}};
  request.method = method;
  return request;
}

std::vector<std::string> calls_since(size_t begin) {
  return {notes.calls.begin() + static_cast<int64_t>(begin), notes.calls.end()};
}

}  // namespace

TEST("two matrices are under way at once, and come out in order") {
  const std::vector<float> values = test::normal_values(8 * 64, 1);
  NullReporter nobody;
  {
    const auto quantizer = noted_quantizer();
    quantizer->start(request_of(values, 2));
    CHECK(quantizer->has_room(request_of(values, 4)));
    quantizer->start(request_of(values, 4));
    CHECK(!quantizer->has_room(request_of(values, 6)));
    CHECK_THROWS_CODE(quantizer->start(request_of(values, 6)), busy);
    QuantStats stats;
    const QuantizedTensor first = quantizer->finish(&stats, nobody);
    CHECK_EQ(int{first.packed.as<uint8_t>()[0]}, 2);
    CHECK((first.shape == Shape{2, 64}) && first.packed_shape == (Shape{1, 64}));
    CHECK_EQ(stats.iterations, 7);
    CHECK_EQ(stats.mean_abs_error, 1.0);
    quantizer->start(request_of(values, 6));
    CHECK_EQ(int{quantizer->finish(nullptr, nobody).packed.as<uint8_t>()[0]}, 4);
    CHECK_EQ(int{quantizer->finish(nullptr, nobody).packed.as<uint8_t>()[0]}, 6);
  }
  const std::vector<std::string> expected = {"create 3 2", "start 0",  "start 1",  "finish 0",
                                             "start 0",    "finish 1", "finish 0", "destroy"};
  CHECK(notes.calls == expected);
}

TEST("one at a time where two would take more than four times the matrix") {
  const std::vector<float> values = test::normal_values(4 * 64, 1);
  const auto quantizer = noted_quantizer();
  const QuantizeRequest request = request_of(values, 4);
  notes.device_bytes = 2 * request.weight.bytes() + 1;
  CHECK(quantizer->has_room(request));
  quantizer->start(request);
  CHECK(!quantizer->has_room(request));
  notes.device_bytes = 2 * request.weight.bytes();
  CHECK(quantizer->has_room(request));
}

TEST("a method the device does not know runs on the CPU, in its turn") {
  const std::vector<float> values = test::normal_values(4 * 64, 1);
  NullReporter nobody;
  const auto quantizer = noted_quantizer();
  const size_t before = notes.calls.size();
  quantizer->start(request_of(values, 4, "refined"));
  QuantStats stats;
  quantizer->finish(&stats, nobody);
  CHECK(stats.mean_abs_error > 0);
  CHECK(calls_since(before).empty());
}

TEST("after an error the slot is free and the next matrix works") {
  std::vector<float> values = test::normal_values(4 * 64, 1);
  values[64 + 5] = NAN;
  NullReporter nobody;
  const auto quantizer = noted_quantizer();
  notes.finish_error = "bad-weights";
  quantizer->start(request_of(values, 4));
  try {
    quantizer->finish(nullptr, nobody);
    FAIL("no error");
  } catch (const EngineError& error) {
    // The place is found on the host.
    CHECK(error.code() == ErrorCode::bad_weights && std::string(error.what()).find("row 1") != std::string::npos,
          error.what());
  }
  notes.finish_error = "out-of-memory";
  quantizer->start(request_of(values, 4));
  CHECK_THROWS_CODE(quantizer->finish(nullptr, nobody), out_of_memory);
  notes.finish_error = nullptr;
  quantizer->start(request_of(values, 4));
  quantizer->finish(nullptr, nobody);
}

TEST("a cancelled job drops its matrix") {
  struct Stopped final : Reporter {
    void progress(const std::string&) override {}
    void emit(const std::string&) override {}
    bool cancelled() const override { return true; }
  } stopped;
  const std::vector<float> values = test::normal_values(4 * 64, 1);
  const auto quantizer = noted_quantizer();
  quantizer->start(request_of(values, 4));
  const size_t before = notes.calls.size();
  CHECK_THROWS_CODE(quantizer->finish(nullptr, stopped), cancelled);
  CHECK((calls_since(before) == std::vector<std::string>{"discard 0"}));
}

TEST("the solver stops after the first step that is no better, rounded where the sums are too close") {
  double totals[kSolverSteps];
  for (int i = 0; i < kSolverSteps; ++i) totals[i] = 100 - i;
  std::vector<int> asked;
  const auto note = [&](int step) {
    asked.push_back(step);
    return step == 7 ? 2.0f : 1.0f;
  };
  CHECK_EQ(executed_steps(totals, note), kSolverSteps);
  totals[12] = totals[11] * 1.001;
  CHECK_EQ(executed_steps(totals, note), 13);
  CHECK(asked.empty());
  totals[5] = totals[4] * (1 - 5e-7);  // equal once rounded: no better
  CHECK_EQ(executed_steps(totals, note), 6);
  CHECK((asked == std::vector<int>{5, 4}));
  asked.clear();
  totals[5] = 95;
  totals[8] = totals[7] * (1 + 5e-7);  // better once rounded
  CHECK_EQ(executed_steps(totals, note), 13);
  CHECK((asked == std::vector<int>{8, 7}));
}

}  // namespace hqq
