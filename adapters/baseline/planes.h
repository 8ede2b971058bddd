// A picture as the baseline sees it: a few planes of relative contrast at several resolutions.
// Not here: patches, distances.
#pragma once

#include <vector>

#include "harness/core/image.h"

namespace looktwice::adapters::baseline {

// values[height][width].
struct Plane {
  int width = 0, height = 0;
  std::vector<float> values = {};
};

// One resolution of a picture: brightness; detail, which is kDetail times the RMS deviation of
// pixels from the mean of the 5 x 5 around them, before reduction, so that a hair crack or another
// roughness leaves a trace where its pixels are averaged away; and with colour the halved
// differences red - green and yellow - blue. All are divided by the mean brightness of the picture
// (at least 0.05 of white), so that exposure does not matter and a value is a relative contrast.
struct Level {
  std::vector<Plane> planes = {};  // 2 or 4, all of one size
};
constexpr double kDetail = 8;

// Whether all pixels have equal red, green and blue.
bool is_grey(const Image& rgb);

// levels[l] holds about (side / 2^l)^2 pixels in the proportions of the picture, each the exact
// mean of the area it covers. No picture is enlarged, no side gets shorter than one pixel, and a
// line of pixels is cut down to side^2 / 8 of them. A picture is first reduced by the whole number
// that leaves at least (2 side)^2 pixels, in which detail is looked for. Means are kept as float:
// rounded to 8 bits, a faint contrast would be lost.
std::vector<Level> levels_of(const Image& rgb, int side, int levels, bool colour);

// Takes the medians of all rows, then of all columns, out of a plane, twice (Tukey's median
// polish): what is left cannot be told from where in its row and column it lies. Illumination that
// falls off to the sides goes, and so do bus bars, weave and frames that run along the axes.
void polish(Plane& plane);

}  // namespace looktwice::adapters::baseline
