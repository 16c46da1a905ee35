// The config.json of a language model that is shown pictures: its language model's part as that of a model of its own.
#pragma once

#include "model/config.h"

namespace hqq {

/// Whether this config.json belongs to such a model (LlavaForConditionalGeneration).
bool shows_pictures(const Json& json);

/// The language model of `json`, with the fields that transformers leaves out filled in. Throws as parse_model_config.
ModelConfig parse_seeing_config(const Json& json);

}  // namespace hqq
