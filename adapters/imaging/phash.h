// Perceptual hash of a picture: 64 bits that change little when it is scaled, compressed anew or
// made a little brighter. Equal to imagehash.phash (hash_size 8, highfreq_factor 4) of the
// Python package ImageHash 4: grey by Pillow's rule, 32 x 32 by Lanczos, DCT-II of rows and
// columns, the 8 x 8 lowest frequencies, a bit where one is above their median, row by row, first
// bit highest. Not here: how near two hashes must be.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "harness/core/image.h"

namespace looktwice::imaging {

// image: RGB or grey. Nothing for a picture that is one colour at 32 x 32: every such hash would
// be noise.
std::optional<std::uint64_t> phash(const Image& image);

// Of 64 bits, those that differ.
inline int hamming(std::uint64_t a, std::uint64_t b) {
  return std::popcount(a ^ b);
}

}  // namespace looktwice::imaging
