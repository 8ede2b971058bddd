// Maps and masks at another size, and the Gaussian that smooths a map: what the protocols ask for
// before pixel metrics. Not here: pictures (adapters/imaging), files.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::metrics {

// map[height][width] to [new_height][new_width], bilinear with half-pixel centres and clamped
// edges: torch interpolate with align_corners=False, cv2.resize INTER_LINEAR, to a few units in the
// last place (they weight with float32 positions, this one with exact ones). Enlarging only blends;
// shrinking samples without averaging, as those do.
std::vector<float> bilinear(std::span<const float> map, int height, int width, int new_height,
                            int new_width);
void bilinear(std::span<const float> map, int height, int width, std::span<float> out,
              int new_height, int new_width);

// For masks and 0/1 maps: pixel x of the result is pixel floor(x * width / new_width). That is
// torch's "nearest" and cv2.INTER_NEAREST, in whole numbers, so that no rounding of the ratio moves
// a pixel.
std::vector<std::uint8_t> nearest(std::span<const std::uint8_t> mask, int height, int width,
                                  int new_height, int new_width);

// scipy.ndimage.gaussian_filter(map, sigma) of a float32 array, bit for bit: borders reflected (d c
// b a | a b c d | d c b a), kernel cut at 4 sigma, columns first, sums in double, float32 between
// the two directions.
std::vector<float> gaussian(std::span<const float> map, int height, int width, double sigma = 4);
void gaussian_in_place(std::span<float> map, int height, int width, double sigma = 4);

}  // namespace looktwice::metrics
