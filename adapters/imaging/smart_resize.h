// How Qwen2-VL and Qwen2.5-VL see a picture: a size whose sides are multiples of 28, then square
// patches in groups of 2 x 2, which the model joins into one token. Not here: decoding, the
// resampling itself (resize.h), the vision model. Source: transformers 4.51,
// models/qwen2_vl/image_processing_qwen2_vl.py (smart_resize at :56, _preprocess at :276-294).
#pragma once

#include <cstdint>
#include <span>

#include "adapters/imaging/normalise.h"
#include "harness/core/image.h"

namespace looktwice::imaging {

struct PatchRule {
  int patch = 14;  // pixels
  int merge = 2;   // patches along one side of a token
  int frames = 2;  // a still picture is that many equal frames
  std::int64_t min_pixels = 56 * 56, max_pixels = 28 * 28 * 1280;
  bool grow_small = false;  // a side below the factor becomes it (qwen_vl_utils); else refused
  int factor() const { return patch * merge; }
};

// Each side rounded to a multiple of the factor (half to even, as Python does), then both made
// smaller or larger together until the area is within the bounds. Throws Kind::data: a side
// below one factor, sides more than 200 to 1, or bounds under which a side would vanish.
Size smart_size(int width, int height, const PatchRule& rule);

// Longest side `longest`, the other one truncated, at least 1; small pictures grow.
Size fitted_size(int width, int height, int longest);

struct PatchGrid {
  std::int64_t rows = 0, columns = 0;  // of patches
  std::int64_t patches() const { return rows * columns; }
  bool operator==(const PatchGrid&) const = default;
};
PatchGrid patch_grid(Size size, const PatchRule& rule);

// values[patches][3][frames][patch][patch] of an RGB image whose sides are multiples of the factor.
// Patches of one token follow each other row by row, tokens too.
void patch_values(const Image& image, const ValueTable& table, const PatchRule& rule,
                  std::span<float> values);

}  // namespace looktwice::imaging
