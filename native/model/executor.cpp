#include "model/executor.h"

#include "model/cpu_executor.h"

namespace hqq {
namespace {

ExecutorFactory& device_factory() {
  static ExecutorFactory factory;
  return factory;
}

}  // namespace

void set_device_executor(ExecutorFactory factory) { device_factory() = std::move(factory); }

std::unique_ptr<Executor> make_executor(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                        Reporter& reporter) {
  if (options.device == "cpu") return make_cpu_executor(config, source, options, reporter);
  require(static_cast<bool>(device_factory()), ErrorCode::unsupported,
          "this engine has no code for device \"" + options.device + "\"; choose \"cpu\"");
  return device_factory()(config, source, options, reporter);
}

}  // namespace hqq
