// Turning and mirroring by the EXIF orientation, as OpenCV's imread does it by itself and Pillow
// does not. Source: EXIF 2.32, tag 0x0112; OpenCV 4, modules/imgcodecs/src/loadsave.cpp
// (ExifTransform). Not here: reading the tag (ImageInfo::exif_orientation).
#pragma once

#include "harness/core/image.h"

namespace looktwice::imaging {

// orientation: 1 to 8, what the stored picture needs to stand upright; others are as 1.
Image turned(Image image, int orientation);

}  // namespace looktwice::imaging
