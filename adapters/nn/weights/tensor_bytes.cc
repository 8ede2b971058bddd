#include "adapters/nn/weights/tensor_bytes.h"

#include <array>
#include <limits>

namespace looktwice::weights {
namespace {
struct Known {
  NumberType type = {};
  const char* name = "";
  std::size_t bytes = 0;
};
constexpr std::array<Known, 13> kKnown = {{{NumberType::f64, "F64", 8},
                                           {NumberType::f32, "F32", 4},
                                           {NumberType::f16, "F16", 2},
                                           {NumberType::bf16, "BF16", 2},
                                           {NumberType::i64, "I64", 8},
                                           {NumberType::i32, "I32", 4},
                                           {NumberType::i16, "I16", 2},
                                           {NumberType::i8, "I8", 1},
                                           {NumberType::u64, "U64", 8},
                                           {NumberType::u32, "U32", 4},
                                           {NumberType::u16, "U16", 2},
                                           {NumberType::u8, "U8", 1},
                                           {NumberType::boolean, "BOOL", 1}}};
}  // namespace

std::size_t bytes_of(NumberType type) {
  return kKnown[static_cast<std::size_t>(type)].bytes;
}

const char* name_of(NumberType type) {
  return kKnown[static_cast<std::size_t>(type)].name;
}

std::optional<NumberType> number_type(std::string_view name) {
  for (const Known& known : kKnown)
    if (name == known.name) return known.type;
  return {};
}

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::optional<std::size_t> bytes_of(NumberType type, const Shape& shape) {
  std::size_t bytes = bytes_of(type);
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return {};
    empty = empty || size == 0;
  }
  if (empty) return 0;
  for (const std::int64_t size : shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(size), &bytes)) return {};
  return bytes;
}

}  // namespace looktwice::weights
