#include "adapters/imaging/turn.h"

#include <algorithm>
#include <utility>

namespace looktwice::imaging {

Image turned(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swapped = orientation >= 5;  // rows become columns
  Image out{.width = swapped ? image.height : image.width,
            .height = swapped ? image.width : image.height,
            .channels = image.channels};
  out.pixels.resize(image.pixels.size());
  const auto channels = static_cast<std::size_t>(image.channels);
  // Whether the stored picture's columns and rows are read from their end.
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      int column = swapped ? y : x, row = swapped ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_bottom) row = image.height - 1 - row;
      const auto from = (static_cast<std::size_t>(row) * image.width + column) * channels;
      const auto to = (static_cast<std::size_t>(y) * out.width + x) * channels;
      std::copy_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(from), channels,
                  out.pixels.begin() + static_cast<std::ptrdiff_t>(to));
    }
  return out;
}

}  // namespace looktwice::imaging
