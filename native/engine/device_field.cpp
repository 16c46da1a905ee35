#include "engine/device_field.h"

#include "engine/cuda_library.h"

namespace hqq {

std::string read_device(Fields& fields) {
  const std::string name = fields.optional("device") ? fields.text("device") : "cpu";
  return name == "cpu" ? name : CudaLibrary::instance().device(name).id;
}

}  // namespace hqq
