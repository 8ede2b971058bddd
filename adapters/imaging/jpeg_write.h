// JPEG out, for servers that are asked with JPEG pictures: baseline, 4:2:0, standard Huffman
// tables, the accurate transform; the bytes of cv2.imencode(".jpg") and of Pillow's save() with the
// same libjpeg-turbo. Not here: metadata.
#pragma once

#include <cstddef>
#include <vector>

#include "harness/core/image.h"

namespace looktwice::imaging {

// image: 1 or 3 channels, at most 65,500 pixels a side. quality: 1 to 100.
std::vector<std::byte> jpeg_of(const Image& image, int quality);

}  // namespace looktwice::imaging
