// Undoes the row filters of PNG. Internal to adapters/imaging.
#pragma once

#include <cstddef>
#include <cstdint>

namespace looktwice::imaging {

// row[size] from packed[size] and the row above, both unfiltered; row may be packed itself.
// pixel_bytes: distance to the pixel on the left, 1..8. Returns false for an unknown filter.
// Source: PNG specification, clause 9.
bool unfilter(int filter, const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
              std::size_t size, std::size_t pixel_bytes);
// The same in plain loops, for tests and for machines without SSE2.
bool unfilter_plain(int filter, const std::uint8_t* packed, const std::uint8_t* above,
                    std::uint8_t* row, std::size_t size, std::size_t pixel_bytes);

// All rows of a picture: packed[height][1 + size], each row with its filter in front, to
// out[height][size].
bool unfilter_rows(const std::uint8_t* packed, int height, std::size_t size,
                   std::size_t pixel_bytes, std::uint8_t* out);

}  // namespace looktwice::imaging
