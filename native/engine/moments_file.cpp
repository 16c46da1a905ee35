#include "engine/moments_file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "engine/token_ids.h"
#include "io/safetensors.h"
#include "io/sha256.h"

namespace hqq {
namespace {

constexpr const char* kIdentityKey = "identity";
constexpr const char* kModulesKey = "modules";
constexpr const char* kTextKey = "text";

std::string hash_of(const std::string& text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

int64_t triangle(int64_t n) { return n * (n + 1) / 2; }

/// The lower triangle row by row, which is all that is known of the matrix.
Buffer packed_triangle(const InputMoments& m) {
  Buffer packed(triangle(m.columns) * 4, MemoryUse::scratch);
  for (int64_t i = 0; i < m.columns; ++i) std::copy_n(m.full.as<float>() + i * m.columns, i + 1, packed.as<float>() + triangle(i));
  return packed;
}

std::shared_ptr<const InputMoments> read_one(const TensorStore& store, const std::string& name) {
  auto m = std::make_shared<InputMoments>();
  const TensorView diagonal = store.view(name + ".diagonal");
  require(diagonal.dtype == DType::f32 && diagonal.shape.size() == 1, ErrorCode::bad_file, name + ": not moments");
  m->columns = diagonal.shape[0];
  m->diagonal = Buffer(m->columns * 4, MemoryUse::scratch);
  std::memcpy(m->diagonal.data(), diagonal.data, static_cast<size_t>(m->columns * 4));
  if (!store.contains(name + ".full")) return m;
  const TensorView full = store.view(name + ".full");
  require(full.dtype == DType::f32 && full.numel() == triangle(m->columns), ErrorCode::bad_file, name + ": not moments");
  m->full = Buffer(m->columns * m->columns * 4, MemoryUse::scratch);
  const auto* packed = static_cast<const std::byte*>(full.data);
  for (int64_t i = 0; i < m->columns; ++i) {
    std::memcpy(m->full.as<float>() + i * m->columns, packed + triangle(i) * 4, static_cast<size_t>((i + 1) * 4));
  }
  return m;
}

MomentsByModule read_all(const TensorStore& store, const Json& modules) {
  std::map<std::string, std::shared_ptr<const InputMoments>> read;
  MomentsByModule all;
  for (const auto& [module, slot] : modules.as_object()) {
    auto& moments = read[slot.as_string()];
    if (moments == nullptr) moments = read_one(store, slot.as_string());
    all.emplace(module, moments);
  }
  return all;
}

Json text_json(const std::vector<std::vector<int32_t>>& text) {
  Json::Array sequences;
  for (const auto& ids : text) {
    Json::Array list;
    for (const int32_t id : ids) list.emplace_back(id);
    sequences.emplace_back(std::move(list));
  }
  return sequences;
}

std::vector<std::vector<int32_t>> read_text(const std::string& json) {
  std::vector<std::vector<int32_t>> text;
  const Json sequences = parse_json(json);
  for (const Json& ids : sequences.as_array()) text.push_back(read_token_ids(ids, "moments"));
  return text;
}

}  // namespace

std::optional<Calibration> read_moments_file(const std::string& path, const MomentsRequest& request) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    const TensorStore store = TensorStore::open(path);
    const auto identity = store.metadata().find(kIdentityKey), modules = store.metadata().find(kModulesKey);
    if (identity == store.metadata().end() || modules == store.metadata().end() || !store.metadata().contains(kTextKey)) return std::nullopt;
    if (identity->second != hash_of(request.identity)) return std::nullopt;
    const Json described = parse_json(modules->second);
    Calibration kept{read_text(store.metadata().at(kTextKey)), read_all(store, described.at("measured"))};
    // Modules that no token reached have no moments, but the file says that they were looked at.
    ModuleNames asked;
    for (const Json& name : described.at("asked").as_array()) asked.insert(name.as_string());
    for (const std::string& name : request.modules) {
      if (!asked.contains(name)) return std::nullopt;
      const auto found = kept.moments.find(name);
      if (found != kept.moments.end() && request.full.contains(name) && found->second->full.bytes() == 0) return std::nullopt;
    }
    return kept;
  } catch (const EngineError& error) {
    if (error.code() != ErrorCode::bad_file) throw;
    return std::nullopt;
  }
}

void write_moments_file(const std::string& path, const MomentsRequest& request, const Calibration& measured) {
  std::map<const InputMoments*, std::string> slots;
  Json::Object slot_of;
  Json::Array asked;
  std::vector<TensorToWrite> tensors;
  std::vector<Buffer> packed;
  for (const auto& [module, m] : measured.moments) {
    const auto [slot, fresh] = slots.emplace(m.get(), std::to_string(slots.size()));
    slot_of.emplace_back(module, Json(slot->second));
    if (!fresh) continue;
    tensors.push_back({slot->second + ".diagonal", {m->diagonal.data(), DType::f32, {m->columns}}});
    if (m->full.bytes() == 0) continue;
    packed.push_back(packed_triangle(*m));
    tensors.push_back({slot->second + ".full", {packed.back().data(), DType::f32, {triangle(m->columns)}}});
  }
  for (const std::string& name : request.modules) asked.emplace_back(name);
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) { return a.name < b.name; });
  Json modules;
  modules.set("asked", std::move(asked)).set("measured", Json(std::move(slot_of)));
  write_safetensors(path, tensors, {{kIdentityKey, hash_of(request.identity)}, {kModulesKey, modules.dump()}, {kTextKey, text_json(measured.text).dump()}});
}

}  // namespace hqq
