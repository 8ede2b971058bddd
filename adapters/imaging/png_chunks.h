// The chunks of a PNG file, walked as Pillow walks them, so that the two accept the same files.
// Not here: pixels (png.cc). Internal to adapters/imaging.
#pragma once

#include <cstdint>
#include <vector>

#include "adapters/imaging/bytes.h"

namespace looktwice::imaging {

struct PngHeader {
  std::uint32_t width = 0, height = 0;
  int bits = 0, colour = -1;  // colour: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA
  bool interlaced = false;
  std::vector<std::uint8_t> palette = {};  // R, G, B, R, ...
  int orientation = 1;

  int samples() const { return colour == 2 ? 3 : colour == 6 ? 4 : colour == 4 ? 2 : 1; }
};

struct PngChunks {
  PngHeader header = {};
  // The zlib stream as it lies in consecutive IDAT chunks; the last may be cut off where the file
  // ends.
  std::vector<Bytes> data = {};
};

// Reads up to the first chunk that is not IDAT. Throws where Pillow refuses to open: a chunk before
// the data with a wrong checksum, cut off or senseless; text or a colour profile that unpacks to
// more than 1 MiB. Data checksums are not looked at (nor does Pillow). Never unpacks more than 1
// MiB.
PngChunks png_chunks(Bytes file);

// What Pillow still reads when all pixels are there: the chunks behind PngChunks::data[last_used].
// Throws where Pillow does.
void check_png_tail(Bytes file, std::size_t last_used);

}  // namespace looktwice::imaging
