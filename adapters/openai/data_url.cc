#include "adapters/openai/data_url.h"

#include <algorithm>
#include <cmath>

#include "adapters/imaging/area.h"
#include "adapters/imaging/codec.h"
#include "adapters/imaging/jpeg_write.h"
#include "adapters/imaging/resize.h"
#include "adapters/imaging/turn.h"
#include "adapters/openai/base64.h"
#include "harness/core/error.h"

namespace looktwice::openai {
namespace {

const ImageCodec& codec() {
  static const std::shared_ptr<const ImageCodec> shared = imaging::make_codec();
  return *shared;
}

std::string url_of(const char* media_type, std::span<const std::byte> file) {
  std::string url = std::string("data:") + media_type + ";base64,";
  append_base64(url, file);
  return url;
}

Image scaled(const Image& image, Size size, const PictureForm& form) {
  if (size.width == image.width && size.height == image.height) return image;
  if (form.scaling == PictureForm::Scaling::area)
    return imaging::area_resized(image, size.width, size.height);
  return imaging::resized(image, size.width, size.height, imaging::Filter::bicubic);
}

}  // namespace

Size sent_size(Size picture, const PictureForm& form) {
  const int longest = std::max(picture.width, picture.height);
  if (form.side <= 0 || longest == form.side || (longest < form.side && !form.enlarge))
    return picture;
  Size size;
  if (form.scaling == PictureForm::Scaling::area) {
    const double scale = std::min(static_cast<double>(form.side) / picture.width,
                                  static_cast<double>(form.side) / picture.height);
    size = {static_cast<int>(picture.width * scale), static_cast<int>(picture.height * scale)};
  } else {
    const int other = static_cast<int>(static_cast<std::int64_t>(form.side) *
                                       std::min(picture.width, picture.height) / longest);
    size = picture.width > picture.height ? Size{form.side, other} : Size{other, form.side};
  }
  return {std::max(1, size.width), std::max(1, size.height)};
}

std::string data_url(const Picture& picture, const PictureForm& form) {
  const std::vector<std::byte> file = picture.bytes();
  ImageInfo info;
  try {
    info = codec().info(file);
  } catch (const Error& error) {
    if (error.kind() != Kind::data) throw;
    info = {};  // no format that servers know; the picture may still know how to be read
  }
  const bool jpeg = info.format == "jpeg", png = info.format == "png";
  const Size there{info.width, info.height};
  if ((png || jpeg) && form.jpeg_quality == 0) {
    const Size size = sent_size(there, form);
    if (size.width == there.width && size.height == there.height && info.bits <= 8 &&
        info.exif_orientation == 1)
      return url_of(png ? "image/png" : "image/jpeg", file);
  }
  Image image = picture.decode();
  // A picture that was cut or marked comes as PNG without a tag.
  if (form.turn) image = imaging::turned(std::move(image), info.exif_orientation);
  const Image sent = scaled(image, sent_size({image.width, image.height}, form), form);
  if (form.jpeg_quality > 0) return url_of("image/jpeg", imaging::jpeg_of(sent, form.jpeg_quality));
  return url_of("image/png", codec().encode_png(sent));
}

}  // namespace looktwice::openai
