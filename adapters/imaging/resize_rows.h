// The two inner loops of a resize, with the instruction set chosen at run time. Internal to
// adapters/imaging.
#pragma once

#include <cstddef>
#include <cstdint>

#include "adapters/imaging/isa.h"
#include "adapters/imaging/resize_taps.h"

namespace looktwice::imaging {

// out[x] = clip((2^21 + sum over j < count of weight j * rows[j * stride + x]) >> 22) for x <
// size. Sums wrap at 32 bits, as Pillow's do.
void weighted_rows(Isa isa, const std::uint8_t* rows, std::size_t stride, std::size_t size,
                   const TapPair* pairs, int count, std::uint8_t* out);

// to[x][y] = from[y][x]: pixels of 1 or 3 bytes; strides in bytes.
void transpose(const std::uint8_t* from, std::size_t from_stride, int width, int height,
               int channels, std::uint8_t* to, std::size_t to_stride);

}  // namespace looktwice::imaging
