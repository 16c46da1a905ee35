#include "quant/types.h"

namespace hqq {

std::string_view to_string(Packing packing) {
  switch (packing) {
    case Packing::u8_8bit: return "8bit_u8";
    case Packing::u8_4bit: return "4bit_u8";
    case Packing::u8_2bit: return "2bit_u8";
    case Packing::u8_1bit: return "1bit_u8";
    case Packing::i32_3bit: return "3bit_32";
    case Packing::dense_5bit: return "5bit_dense";
    case Packing::dense_6bit: return "6bit_dense";
  }
  return "8bit_u8";
}

std::optional<Packing> packing_from_string(std::string_view name) {
  for (const Packing packing : {Packing::u8_8bit, Packing::u8_4bit, Packing::u8_2bit, Packing::u8_1bit, Packing::i32_3bit,
                                Packing::dense_5bit, Packing::dense_6bit}) {
    if (to_string(packing) == name) return packing;
  }
  return std::nullopt;
}

int64_t QuantizedTensor::bytes() const {
  int64_t total = packed.bytes();
  for (const MetaTensor* meta : {&scale, &zero}) {
    total += meta->values.bytes() + meta->q.bytes() + meta->q_scale.bytes() + meta->q_zero.bytes();
  }
  return total;
}

}  // namespace hqq
