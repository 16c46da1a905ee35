#include "engine/engine.h"

namespace hqq {

std::string Engine::add(std::unique_ptr<Model> model, Numerics numerics, const std::string& device,
                        std::unique_ptr<VisionModel> vision) {
  auto loaded = std::make_shared<LoadedModel>();
  loaded->model = std::move(model);
  loaded->vision = std::move(vision);
  loaded->numerics = numerics;
  loaded->device = device;
  const std::scoped_lock lock(mutex_);
  const std::string handle = "model-" + std::to_string(next_++);
  models_.emplace(handle, std::move(loaded));
  return handle;
}

std::shared_ptr<LoadedModel> Engine::find(const std::string& handle) {
  const std::scoped_lock lock(mutex_);
  const auto found = models_.find(handle);
  require(found != models_.end(), ErrorCode::not_found,
          "no loaded model has the handle \"" + handle.substr(0, 100) + "\"; load it again");
  return found->second;
}

void Engine::remove(const std::string& handle) {
  const Use idle(*this, handle);  // and the last owner once it is erased: the destructor runs here, not under the lock
  const std::scoped_lock lock(mutex_);
  models_.erase(handle);
}

Engine::Use::Use(Engine& engine, const std::string& handle)
    : loaded_(engine.find(handle)), lock_(loaded_->in_use, std::try_to_lock) {
  require(lock_.owns_lock(), ErrorCode::busy, "the model is busy with another request; wait for it or cancel it");
}

Model& Engine::Use::model() const {
  require(writes(), ErrorCode::unsupported, "this model sees pictures and writes no text");
  return *loaded_->model;
}

VisionModel& Engine::Use::vision() const {
  require(sees(), ErrorCode::unsupported, "this model reads text alone; it sees no pictures");
  return *loaded_->vision;
}

}  // namespace hqq
