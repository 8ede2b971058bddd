// A TIFF file in memory, opened with libtiff. Internal to adapters/imaging.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>

#include "adapters/imaging/bytes.h"

namespace looktwice::imaging {

// The file as libtiff wants to read it.
struct TiffSource {
  Bytes file = {};
  std::uint64_t at = 0;
};

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

// The first picture of the file; source must outlive it. Throws Error{Kind::data}.
Tiff open_tiff(TiffSource& source);

}  // namespace looktwice::imaging
