// How precise the factors of a product of many rows are.
#pragma once

#include <cstdint>

namespace looktwice::nn {

// bf16: at least that, in what this processor multiplies fastest. Sums are told where they are
// made.
enum class Factors : std::uint8_t { fp32, bf16 };

}  // namespace looktwice::nn
