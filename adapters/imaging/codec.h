// Pictures from files and back: PNG, JPEG, BMP, TIFF, WebP, told apart by content and never by a
// suffix. Pixels equal those of Pillow 12 (Image.open(f).convert("RGB")) byte for byte, since the
// published results were made with it; where we refuse what Pillow takes, README.md says why. Not
// here: resizing (resize.h), values for a network (normalise.h), files (harness/core/image.h).
#pragma once

#include <cstdint>
#include <memory>

#include "harness/core/image.h"

namespace looktwice::imaging {

struct Limits {
  // Refused from the header alone, before any allocation. Default: where Pillow raises
  // DecompressionBombError.
  std::int64_t max_pixels = 178'956'970;
  // A progressive JPEG may name any number of scans over the whole picture. Encoders write
  // about 10.
  int max_jpeg_scans = 100;
};

// Thread-safe and without state: one for the whole process is enough.
std::shared_ptr<const ImageCodec> make_codec(Limits limits = {});

}  // namespace looktwice::imaging
