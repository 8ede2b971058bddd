// How the numbers that a kernel reads are stored.
#pragma once

#include <cstddef>

namespace looktwice::kernels {

enum class Number { f32, bf16, f16 };

constexpr std::size_t bytes_of(Number number) {
  return number == Number::f32 ? 4 : 2;
}

constexpr const char* name_of(Number number) {
  return number == Number::f32 ? "fp32" : number == Number::bf16 ? "bf16" : "fp16";
}

}  // namespace looktwice::kernels
