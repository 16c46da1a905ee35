#include "engine/candidate_store.h"

#include <filesystem>

#include "core/error.h"
#include "engine/methods.h"
#include "io/hqq_layer.h"
#include "io/json.h"
#include "io/sha256.h"

namespace hqq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModule = "candidate";
constexpr const char* kStatsKey = "stats";

Json to_json(const QuantStats& stats) {
  Json json;
  return json.set("iterations", stats.iterations)
      .set("meanAbsError", stats.mean_abs_error)
      .set("meanSquaredError", stats.mean_sq_error)
      .set("maxAbsError", stats.max_abs_error)
      .set("meanAbsWeight", stats.mean_abs_weight)
      .set("seconds", stats.seconds);
}

QuantStats read_stats(const std::string& text) {
  const Json json = parse_json(text);
  QuantStats stats;
  stats.iterations = static_cast<int>(json.at("iterations").as_number());
  stats.mean_abs_error = json.at("meanAbsError").as_number();
  stats.mean_sq_error = json.at("meanSquaredError").as_number();
  stats.max_abs_error = json.at("maxAbsError").as_number();
  stats.mean_abs_weight = json.at("meanAbsWeight").as_number();
  stats.seconds = json.at("seconds").as_number();
  return stats;
}

}  // namespace

CandidateStore::CandidateStore(std::string dir) : dir_(std::move(dir)) {
  std::error_code error;
  fs::create_directory(dir_, error);
  require(!error, ErrorCode::not_writable, "cannot create " + dir_ + ": " + error.message());
}

std::string CandidateStore::hash_of(const TensorView& weight) {
  Sha256 hash;
  hash.update(to_string(weight.dtype));
  hash.update(std::span(static_cast<const std::byte*>(weight.data), static_cast<size_t>(weight.bytes())));
  return hash.hex();
}

std::string CandidateStore::key(const std::string& weight_hash, const Shape& shape, const CandidateSpec& spec) {
  const QuantConfig& c = spec.config;
  std::string text = weight_hash + " " + to_string(shape) + " " + spec.method + " " + std::string(to_string(spec.meta_dtype));
  for (const int64_t value : {int64_t{c.nbits}, c.group_size, int64_t{c.axis}, int64_t{c.channel_wise}, int64_t{c.round_zero},
                              int64_t{c.quant_zero}, int64_t{c.quant_scale}}) {
    text += " " + std::to_string(value);
  }
  Sha256 hash;
  hash.update(text + "\n" + spec.moments + "\n" + engine_version());
  return hash.hex();
}

std::string CandidateStore::path(const std::string& key) const { return dir_ + "/" + key + ".safetensors"; }

std::optional<Candidate> CandidateStore::find(const std::string& key) const {
  const std::string file = path(key);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  try {
    const TensorStore store = TensorStore::open(file);
    const auto stats = store.metadata().find(kStatsKey);
    require(stats != store.metadata().end(), ErrorCode::bad_file, file + ": not a candidate");
    Candidate found{load_hqq_layer(store, kModule), read_stats(stats->second)};
    fs::last_write_time(file, fs::file_time_type::clock::now(), error);
    return found;
  } catch (const EngineError& failure) {
    // Deleted meanwhile, or damaged: it is made again.
    if (failure.code() != ErrorCode::bad_file && failure.code() != ErrorCode::not_found) throw;
    fs::remove(file, error);
    return std::nullopt;
  }
}

bool CandidateStore::contains(const std::string& key) const {
  std::error_code ignored;
  return fs::exists(path(key), ignored);
}

void CandidateStore::put(const std::string& key, const QuantizedTensor& tensor, const QuantStats& stats, DType meta_dtype) const {
  const HqqLayerTensors stored(kModule, tensor, meta_dtype);
  write_safetensors(path(key), stored.tensors(), {{"format", "pt"}, {kStatsKey, to_json(stats).dump()}});
}

}  // namespace hqq
