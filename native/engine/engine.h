// What lives as long as the engine: the loaded models, by handle.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "model/model.h"
#include "model/vision_model.h"

namespace hqq {

/// A loaded model and the arithmetic its caller chose.
struct LoadedModel {
  std::unique_ptr<Model> model;         // null: it sees, and writes nothing
  std::unique_ptr<VisionModel> vision;  // null: it sees nothing
  Numerics numerics = Numerics::exact;
  std::string device = "cpu";  // or "cuda:UUID"
  std::mutex in_use;
};

class Engine {
 public:
  /// Takes a model over and returns its handle. One of the two may be null.
  std::string add(std::unique_ptr<Model> model, Numerics numerics, const std::string& device = "cpu",
                  std::unique_ptr<VisionModel> vision = nullptr);
  /// Forgets a model and frees its memory. Throws EngineError{not_found} or {busy}.
  void remove(const std::string& handle);

  /// Exclusive use of a model for one call. Throws EngineError{not_found}, or {busy} while another call uses it.
  class Use {
   public:
    Use(Engine& engine, const std::string& handle);
    /// Throws EngineError{unsupported} for a model that writes nothing.
    Model& model() const;
    /// Throws EngineError{unsupported} for a model that sees nothing.
    VisionModel& vision() const;
    bool writes() const { return loaded_->model != nullptr; }
    bool sees() const { return loaded_->vision != nullptr; }
    Numerics numerics() const { return loaded_->numerics; }
    const std::string& device() const { return loaded_->device; }

   private:
    std::shared_ptr<LoadedModel> loaded_;
    std::unique_lock<std::mutex> lock_;  // released before loaded_
  };

 private:
  std::shared_ptr<LoadedModel> find(const std::string& handle);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<LoadedModel>> models_;
  int64_t next_ = 1;
};

}  // namespace hqq
