// LLaVA-OneVision's "anyres": a picture as one squashed tile and a grid of tiles at its own aspect,
// as Anomaly-OneVision cuts it. Source: llava/mm_utils.py of the released code
// (select_best_resolution, resize_and_pad_image, divide_to_patches). Not here: the 1,024 pixel
// pre-resize, tokens and their unpadding (the model's business).
#pragma once

#include <vector>

#include "adapters/imaging/normalise.h"
#include "harness/core/image.h"

namespace looktwice::imaging {

// Where the picture lies on its grid, in pixels. The rest is black.
struct AnyresLayout {
  Size grid = {}, resized = {};
  int left = 0, top = 0;
};

// Among grids of 1..6 by 1..6 tiles of edge x edge: the one that keeps most pixels, then the one
// that wastes fewest, then the first by columns and rows. Sizes are truncated where the original
// truncates, and rounded up where it rounds up.
AnyresLayout anyres_layout(int width, int height, int edge = 384);

// Tile 0 is the whole picture squashed to edge x edge; the grid's tiles follow row by row. image:
// RGB. Bicubic.
std::vector<Image> anyres_tiles(const Image& image, int edge = 384);

}  // namespace looktwice::imaging
