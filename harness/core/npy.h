// NumPy's .npy file, versions 1.0 to 3.0, from and to memory, and half precision numbers.
// Not here: .npz archives (adapters/predictions), Python objects, structured, complex and text
// arrays: refused. Source: numpy.lib.format; IEEE 754 binary16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice {

// values in C order (last axis fastest), whatever the file had. bool is 0 or 1; integers and
// float64 are rounded to float, so that two 64-bit values closer than 2^-24 of their size tie.
struct NumberArray {
  std::vector<std::size_t> shape = {};  // empty: one number
  std::vector<float> values = {};
};

// bool, (u)int8 to 64, float16, 32, 64; little or big endian; C or Fortran order. Throws
// Error{Kind::data} that says what is wrong but not in which file: sizes are checked against the
// bytes at hand before anything is allocated, bytes left over are refused, and so is a finite
// float64 that no float can hold.
NumberArray npy_array(std::span<const std::byte> file);

// The only readings of an array as a map: (H,W), (1,H,W), (H,W,1), (1,1,H,W), (1,H,W,1). Kind::data
// for other shapes, for an empty map and for NaN or infinite values (names row and column).
AnomalyMap anomaly_map(NumberArray array);

enum class Precision { float32, float16 };

// As numpy.save writes it, byte for byte, shape (height, width). float16 is used only when every
// value fits (|v| < 65520).
std::string npy_of(const AnomalyMap& map, Precision precision = Precision::float32);

// Nearest half, ties to even; beyond the range: infinity; NaN stays NaN.
std::uint16_t half_of(float value);
float float_of_half(std::uint16_t half);

}  // namespace looktwice
