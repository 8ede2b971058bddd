// Resizing as OpenCV does it with INTER_AREA: each result is the mean of the area it covers; where
// a side grows, both go through OpenCV's bilinear weights for that mode. Source: OpenCV 4,
// modules/imgproc/src/resize.cpp (computeResizeAreaTab, ResizeArea_Invoker, resizeAreaFast_,
// HResizeLinear, VResizeLinear). Not here: Pillow's filters (resize.h).
#pragma once

#include "harness/core/image.h"

namespace looktwice::imaging {

// image: 1 or 3 channels. width, height >= 1. OpenCV's own vector code may differ by one in the
// last bit where a side grows.
Image area_resized(const Image& image, int width, int height);

}  // namespace looktwice::imaging
