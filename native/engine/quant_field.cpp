#include "engine/quant_field.h"

#include "quant/method.h"

namespace hqq {

QuantRequest read_quant(const Json& json, const std::string& where) {
  constexpr int64_t largest_group = int64_t{1} << 40;
  Fields fields(json, where);
  QuantRequest request;
  QuantConfig& config = request.config;
  config.nbits = static_cast<int>(fields.integer("nbits", 1, 8));
  config.group_size = fields.optional("groupSize") ? fields.integer("groupSize", 1, largest_group) : 0;
  config.axis = static_cast<int>(fields.integer("axis", 0, 1));
  config.channel_wise = fields.flag_or("channelWise", true);
  config.round_zero = fields.flag("roundZero");
  config.quant_zero = fields.flag("quantZero");
  config.quant_scale = fields.flag("quantScale");
  request.method = fields.text("method");
  fields.done();
  quant_method(request.method);
  return request;
}

}  // namespace hqq
