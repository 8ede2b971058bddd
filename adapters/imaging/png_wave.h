// Row filters of PNG undone for several rows at once. A byte needs its left neighbour, so one row
// alone is a chain of dependent steps; but row y + 1 may be one pixel behind row y, so a diagonal
// of pixels goes in one vector. Internal to adapters/imaging.
#pragma once

#include <cstddef>
#include <cstdint>

namespace looktwice::imaging {

// As unfilter_rows of png_filter.h, for the first rows of the picture; gives how many rows it did,
// 0 where the machine or the kind of pixel does not suit. Filters must be 0..4.
int unfilter_wave(const std::uint8_t* packed, int height, std::size_t size, std::size_t pixel_bytes,
                  std::uint8_t* out);

}  // namespace looktwice::imaging
