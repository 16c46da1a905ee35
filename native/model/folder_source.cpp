#include "io/hqq_layer.h"
#include "model/weight_source.h"

namespace hqq {

FolderSource::FolderSource(const std::string& dir) : store_(TensorStore::open(dir)) {}

bool FolderSource::contains(const std::string& tensor) const { return store_.contains(tensor); }

StoredTensor FolderSource::tensor(const std::string& name) {
  const TensorEntry* entry = store_.find(name);
  require(entry != nullptr, ErrorCode::bad_file, "the model has no tensor " + name);
  return {store_.view(name), store_.keep(*entry), entry->derived < 0};
}

bool FolderSource::is_quantized(const std::string& module) const { return is_hqq_layer(store_, module); }

QuantizedTensor FolderSource::quantized(const std::string& module) { return load_hqq_layer(store_, module); }

void FolderSource::release(const std::string& module) {
  for (const char* part : {".W_q", ".scale", ".zero"}) store_.drop(module + part);
}

}  // namespace hqq
