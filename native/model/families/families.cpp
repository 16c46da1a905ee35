// The list of families. Each is defined in the file of its name.
#include "model/families/families.h"

#include <array>

namespace hqq {

std::span<const Family* const> families() {
  static constexpr std::array table = {&kLlama, &kMistral, &kMixtral, &kPhi,    &kPhi3,   &kQwen2,    &kQwen2Moe,
                                       &kQwen3, &kQwen3Moe, &kGemma,  &kGemma2, &kGemma3, &kSmolLM3, &kOlmo2};
  return table;
}

const Family* find_family(std::string_view architecture) {
  for (const Family* family : families())
    if (family->architecture == architecture) return family;
  return nullptr;
}

}  // namespace hqq
