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
  const WebPBitstreamFeatures features = features_of(file, limits);
  Raster raster = blank_raster(features.width, features.height, 3);
  const std::size_t row_size = 3 * std::size_t(features.width);
  const WebPData data = {file.data(), file.size()};
  if (!features.has_animation) {
    // The container is looked at as the animation decoder would; its memory of 8 bytes a pixel is
    // not needed.
    const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> container(WebPDemux(&data),
                                                                             WebPDemuxDelete);
    if (!container || !WebPDecodeRGBInto(file.data(), file.size(), raster.pixels.data(),
                                         raster.pixels.size(), static_cast<int>(row_size)))
      refuse("WebP: damaged or cut off");
    return raster;
  }
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options))
    refuse("WebP: the installed libwebp does not fit its headers");
  options.color_mode = MODE_RGBA;
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  WebPAnimInfo info;
  std::uint8_t* rgba = nullptr;
  int milliseconds = 0;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info) ||
      info.canvas_width != static_cast<std::uint32_t>(features.width) ||
      info.canvas_height != static_cast<std::uint32_t>(features.height) ||
      !WebPAnimDecoderGetNext(decoder.get(), &rgba, &milliseconds))
    refuse("WebP: damaged or cut off");
  for (std::size_t i = 0; i < raster.pixels.size() / 3; ++i)
    std::memcpy(&raster.pixels[3 * i], rgba + 4 * i, 3);
  return raster;
}

}  // namespace looktwice::imaging
