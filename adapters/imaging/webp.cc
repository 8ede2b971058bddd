// WebP through libwebp. As in Pillow, everything goes through the animation decoder and the first
// frame counts.

#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

WebPBitstreamFeatures features_of(Bytes file, const Limits& limits) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    refuse("WebP: the header is damaged");
  check_size(features.width, features.height, limits);
  return features;
}

Bytes exif_of(Bytes file) {
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const std::size_t size = le32(file, at + 4);
    if (std::memcmp(&file[at], "EXIF", 4) == 0) {
      Bytes exif = part(file, at + 8, size);
      if (exif.size() > 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
      return exif;
    }
    at += 8 + size + size % 2;
  }
  return {};
}

}  // namespace

ImageInfo webp_info(Bytes file, const Limits& limits) {
  const WebPBitstreamFeatures features = features_of(file, limits);
  return {.width = features.width,
          .height = features.height,
          .channels = features.has_alpha ? 4 : 3,
          .bits = 8,
          .format = "webp",
          .exif_orientation = exif_orientation(exif_of(file))};
}

Raster decode_webp(Bytes file, const Limits& limits) {
  features_of(file, limits);
  const WebPData data = {file.data(), file.size()};
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options))
    refuse("WebP: the installed libwebp does not fit its headers");
  options.color_mode = MODE_RGBA;
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  WebPAnimInfo info;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info)) refuse("WebP: damaged or cut off");
  check_size(info.canvas_width, info.canvas_height, limits);
  std::uint8_t* rgba = nullptr;
  int milliseconds = 0;
  if (!WebPAnimDecoderGetNext(decoder.get(), &rgba, &milliseconds))
    refuse("WebP: damaged or cut off");

  Raster raster =
      blank_raster(static_cast<int>(info.canvas_width), static_cast<int>(info.canvas_height), 3);
  for (std::size_t i = 0; i < raster.pixels.size() / 3; ++i)
    std::memcpy(&raster.pixels[3 * i], rgba + 4 * i, 3);
  return raster;
}

}  // namespace looktwice::imaging
