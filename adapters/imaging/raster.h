// A decoded picture as its file means it, before it is made RGB or a mask, and one reader per
// format. Internal to adapters/imaging; everybody else sees codec.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/imaging/bytes.h"
#include "adapters/imaging/codec.h"
#include "harness/core/image.h"

namespace looktwice::imaging {

// pixels[height][width][channels]: 1 channel is grey, or an index where there is a palette; 3 are
// R, G, B. Alpha is dropped, 16 bits are made 8 and CMYK is made RGB by the readers, as Pillow
// does.
struct Raster {
  int width = 0, height = 0, channels = 1;
  std::vector<std::uint8_t> pixels = {};
  bool indexed = false;
  std::array<std::uint8_t, 768> palette = {};  // 256 times R, G, B; missing entries are black
};

// What becomes of samples wider than 8 bits in colour. As a picture: the high byte, as in Pillow.
// As a mask: saturated, since a small number is still a defect. (Wide grey saturates in both: that
// is Pillow's rule for pictures.)
// As values: wide grey of a PNG keeps both bytes, as two channels, high byte first.
enum class Use { picture, mask, values };

[[noreturn]] void refuse(const std::string& why);
// Throws when width x height is 0 or over the limit.
void check_size(std::int64_t width, std::int64_t height, const Limits& limits);
Raster blank_raster(int width, int height, int channels);

ImageInfo png_info(Bytes file, const Limits& limits);
Raster decode_png(Bytes file, const Limits& limits, Use use);
ImageInfo jpeg_info(Bytes file, const Limits& limits);
Raster decode_jpeg(Bytes file, const Limits& limits);
ImageInfo bmp_info(Bytes file, const Limits& limits);
Raster decode_bmp(Bytes file, const Limits& limits);
ImageInfo tiff_info(Bytes file, const Limits& limits);
Raster decode_tiff(Bytes file, const Limits& limits, Use use);
ImageInfo webp_info(Bytes file, const Limits& limits);
Raster decode_webp(Bytes file, const Limits& limits);

// Any format, told by its first bytes.
Raster decode_raster(Bytes file, const Limits& limits, Use use);
// An index is looked up and grey is repeated.
Image rgb_of(Raster&& raster);

std::vector<std::byte> png_of(const Image& image);

// The orientation 1..8 in an EXIF block ("II*\0..." or "MM\0*..."), 1 when there is none or it
// makes no sense.
int exif_orientation(Bytes exif);
// "CMYK" as Pillow converts it: 255 - k less the part of c, rounded as x * y / 255.
void rgb_from_cmyk(const std::uint8_t* cmyk, std::uint8_t* rgb, int pixels);

}  // namespace looktwice::imaging
