// Resizing that equals Pillow's (versions 8 to 12) byte for byte: every published number went
// through it. Rule: the weights of an output pixel are computed in double, normalised, and rounded
// to 22 bits behind the point; sums are integers, rounded half up and clipped to a byte after EACH
// pass; columns are resized first, then rows. A pass that changes nothing is left out. Source:
// Pillow 12, src/libImaging/Resample.c. (Pillow 13 turned the passes around.) Not here: choosing a
// size; antialiasing off (Pillow has no such thing, except nearest).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "harness/core/image.h"

namespace looktwice::imaging {

enum class Filter { nearest, box, bilinear, hamming, bicubic, lanczos };

// The part of the source that becomes the whole result, in source pixels; edges may lie between
// pixels. Single precision, since Pillow keeps it so.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

// image: 1 or 3 channels. width, height >= 1. The box must lie within the image and not be empty.
Image resized(const Image& image, int width, int height, Filter filter,
              std::optional<Box> box = {});

// A map of floats[height][width] (Pillow's mode "F"): sums in double, one rounding to float a pass.
// Not Filter::nearest.
std::vector<float> resized(std::span<const float> map, int map_width, int map_height, int width,
                           int height, Filter filter);

// The same as the first through the plainest loops: the truth that tests hold the fast ones to.
Image resized_plain(const Image& image, int width, int height, Filter filter,
                    std::optional<Box> box = {});

}  // namespace looktwice::imaging
