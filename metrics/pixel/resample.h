// Maps brought to the size at which they are compared with masks.
#pragma once

#include <span>
#include <vector>

namespace looktwice::metrics {

// map[height][width] to [new_height][new_width], bilinear with half-pixel centres and clamped
// edges: torch interpolate with align_corners=False, cv2.resize INTER_LINEAR. Enlarging only
// blends; shrinking samples without averaging, as those do.
std::vector<float> bilinear(std::span<const float> map, int height, int width, int new_height,
                            int new_width);

// scipy.ndimage.gaussian_filter of the map with mode "reflect" and truncate 4.
std::vector<float> gaussian(std::span<const float> map, int height, int width, double sigma);

}  // namespace looktwice::metrics
