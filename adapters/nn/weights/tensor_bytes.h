// A tensor as a file holds it: a type, a shape, bytes in row order, little endian.
// Not here: arithmetic, LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::weights {

enum class NumberType { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

std::size_t bytes_of(NumberType type);
const char* name_of(NumberType type);                          // as safetensors writes it: "BF16"
std::optional<NumberType> number_type(std::string_view name);  // empty: none of these

using Shape = std::vector<std::int64_t>;

struct TensorBytes {
  NumberType type = NumberType::f32;
  Shape shape = {};
  std::span<const std::byte> bytes = {};  // lives as long as the file it comes from
};

std::string text_of(const Shape& shape);  // "[3, 4]"
// Bytes of so many numbers; empty: negative sizes, or more than a std::size_t can count.
std::optional<std::size_t> bytes_of(NumberType type, const Shape& shape);

}  // namespace looktwice::weights
