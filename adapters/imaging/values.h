// Grey pictures whose samples are measurements, such as anomaly maps: the numbers as they are, not
// squeezed into 8 bits. Not here: pictures to look at (codec.h), .npy (harness/core/npy.h).
#pragma once

#include <cstddef>
#include <span>

#include "adapters/imaging/codec.h"
#include "harness/core/npy.h"

namespace looktwice::imaging {

// shape {height, width}. TIFF: one sample per pixel of (u)int8 to 32 or float16 to 64, strips or
// tiles, any packing that libtiff has; a second picture in the file is refused, since nobody could
// say which is meant. PNG: grey of 1 to 16 bits (below 8 stretched to 0..255), alpha ignored.
// Values are not scaled and may be NaN. Throws Error{Kind::data}: another format, colour, a
// palette, damage.
NumberArray grey_values(std::span<const std::byte> file, Limits limits = {.max_pixels = 1 << 26});

}  // namespace looktwice::imaging
