// A picture as Anomaly-OneVision sees it: made smaller, squashed into one tile, cut into more.
// Not here: the rules of the grid (imaging/anyres.h).
#pragma once

#include <vector>

#include "adapters/imaging/anyres.h"
#include "harness/core/sample.h"

namespace looktwice::anomaly_ov {

struct Tiles {
  imaging::Size size = {};            // of the picture that was cut, after any pre-resize
  imaging::AnyresLayout layout = {};  // empty grid: the whole picture alone
  std::vector<Image> images = {};     // RGB; first the whole picture, then row by row
  int columns() const { return images.size() > 1 ? layout.grid.width / images[0].width : 0; }
  int rows() const { return images.size() > 1 ? layout.grid.height / images[0].height : 0; }
};

// The evaluation's rule: a longest side over `longest` becomes that, the other one is truncated.
// Bicubic. Source: test_detection.py:62-70.
Image pre_resized(Image image, int longest = 1024);

// grid: false gives the whole picture alone, as for several pictures in one question.
Tiles tiles_of(const Image& image, int edge, bool grid = true);

// Maps of all tiles (each side x side) as one over the picture: of the grid, without its padding,
// or where there is none, of the whole picture.
AnomalyMap stitched(const Tiles& tiles, const std::vector<float>& maps, int side);

}  // namespace looktwice::anomaly_ov
