// One declaration per family, for the list in families.cpp.
#pragma once

#include "model/family.h"

namespace hqq {

extern const Family kLlama, kMistral, kMixtral, kPhi, kPhi3, kQwen2, kQwen2Moe, kQwen3, kQwen3Moe, kGemma, kGemma2,
    kGemma3, kSmolLM3, kOlmo2;

}  // namespace hqq
