// The layouts of names that towers have.
#pragma once

#include "model/vision_config.h"

namespace hqq {

extern const TowerNames kClipImageNames, kClipTextNames, kTimmImageNames;

}  // namespace hqq
