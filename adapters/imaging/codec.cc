#include "adapters/imaging/codec.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "adapters/imaging/raster.h"
#include "adapters/imaging/resize.h"
#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

enum class Format { png, jpeg, bmp, tiff, webp };

bool starts_with(Bytes file, std::string_view magic, std::size_t at = 0) {
  const Bytes head = part(file, at, magic.size());
  return std::equal(
      head.begin(), head.end(), magic.begin(), magic.end(),
      [](std::uint8_t byte, char letter) { return byte == static_cast<std::uint8_t>(letter); });
}

Format format_of(Bytes file) {
  using namespace std::string_view_literals;
  if (file.empty()) refuse("the file is empty");
  if (starts_with(file, "\x89PNG\r\n\x1a\n")) return Format::png;
  if (starts_with(file, "\xff\xd8\xff")) return Format::jpeg;
  if (starts_with(file, "BM")) return Format::bmp;
  if (starts_with(file, "RIFF") && starts_with(file, "WEBP", 8)) return Format::webp;
  for (const std::string_view magic :
       {"II*\0"sv, "MM\0*"sv, "MM*\0"sv, "II\0*"sv, "MM\0+"sv, "II+\0"sv})
    if (starts_with(file, magic)) return Format::tiff;
  refuse("neither PNG, JPEG, BMP, TIFF nor WebP");
}

Image mask_of(Raster&& raster) {
  Image mask{.width = raster.width, .height = raster.height, .channels = 1};
  if (raster.channels == 1) {
    mask.pixels = std::move(raster.pixels);
    return mask;
  }
  mask.pixels.resize(raster.pixels.size() / 3);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const std::uint8_t* rgb = &raster.pixels[3 * i];
    mask.pixels[i] = std::max({rgb[0], rgb[1], rgb[2]});
  }
  return mask;
}

// One picture too large for this machine is that sample's error, not the end of the run.
template <class Call>
auto within_memory(Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    refuse("not enough memory for a picture of this size");
  }
}

class Codec final : public ImageCodec {
 public:
  explicit Codec(Limits limits) : limits_(limits) {}

  ImageInfo info(std::span<const std::byte> file) const override {
    return within_memory([&] { return info_of(as_bytes(file)); });
  }

  Image decode(std::span<const std::byte> file) const override {
    return within_memory(
        [&] { return rgb_of(decode_raster(as_bytes(file), limits_, Use::picture)); });
  }

  Image decode_mask(std::span<const std::byte> file) const override {
    return within_memory(
        [&] { return mask_of(decode_raster(as_bytes(file), limits_, Use::mask)); });
  }

  std::vector<std::byte> encode_png(const Image& image) const override { return png_of(image); }

  Image resized(const Image& image, int width, int height) const override {
    return within_memory([&] { return imaging::resized(image, width, height, Filter::bicubic); });
  }

 private:
  ImageInfo info_of(Bytes file) const {
    switch (format_of(file)) {
      case Format::png:
        return png_info(file, limits_);
      case Format::jpeg:
        return jpeg_info(file, limits_);
      case Format::bmp:
        return bmp_info(file, limits_);
      case Format::tiff:
        return tiff_info(file, limits_);
      case Format::webp:
        return webp_info(file, limits_);
    }
    refuse("unknown format");
  }

  Limits limits_;
};

}  // namespace

void refuse(const std::string& why) {
  throw Error(Kind::data, why);
}

void check_size(std::int64_t width, std::int64_t height, const Limits& limits) {
  if (width <= 0 || height <= 0) refuse("the picture has no pixels");
  constexpr std::int64_t kLongest = std::numeric_limits<int>::max();
  if (width > limits.max_pixels / height || width > kLongest || height > kLongest)
    refuse("the header claims " + std::to_string(width) + " x " + std::to_string(height) +
           " pixels, more than the limit of " + std::to_string(limits.max_pixels));
}

Raster blank_raster(int width, int height, int channels) {
  Raster raster{.width = width, .height = height, .channels = channels};
  raster.pixels.resize(std::size_t(width) * std::size_t(height) * std::size_t(channels));
  return raster;
}

Raster decode_raster(Bytes file, const Limits& limits, Use use) {
  switch (format_of(file)) {
    case Format::png:
      return decode_png(file, limits, use);
    case Format::jpeg:
      return decode_jpeg(file, limits);
    case Format::bmp:
      return decode_bmp(file, limits);
    case Format::tiff:
      return decode_tiff(file, limits, use);
    case Format::webp:
      return decode_webp(file, limits);
  }
  refuse("unknown format");
}

Image rgb_of(Raster&& raster) {
  Image image{.width = raster.width, .height = raster.height, .channels = 3};
  if (raster.channels == 3) {
    image.pixels = std::move(raster.pixels);
    return image;
  }
  image.pixels.resize(raster.pixels.size() * 3);
  std::uint8_t* out = image.pixels.data();
  for (const std::uint8_t value : raster.pixels) {
    if (raster.indexed) {
      std::copy_n(&raster.palette[3 * std::size_t{value}], 3, out);
    } else {
      out[0] = out[1] = out[2] = value;
    }
    out += 3;
  }
  return image;
}

int exif_orientation(Bytes exif) {
  const bool big = starts_with(exif, "MM");
  if (!big && !starts_with(exif, "II")) return 1;
  const auto number16 = [&](std::size_t at) { return big ? be16(exif, at) : le16(exif, at); };
  const auto number32 = [&](std::size_t at) { return big ? be32(exif, at) : le32(exif, at); };
  const std::size_t directory = number32(4);
  const std::size_t entries = number16(directory);
  for (std::size_t i = 0; i < entries && directory + 2 + 12 * i + 12 <= exif.size(); ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (number16(entry) != 0x0112) continue;
    const std::uint32_t value = number16(entry + 2) == 3 ? number16(entry + 8) : 1;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void rgb_from_cmyk(const std::uint8_t* cmyk, std::uint8_t* rgb, int pixels) {
  for (int i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int left = 255 - cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = cmyk[c] * left + 128;
      // Never below 0: the rounded product of two bytes over 255 is at most the smaller one.
      rgb[c] = static_cast<std::uint8_t>(left - ((product + (product >> 8)) >> 8));
    }
  }
}

std::shared_ptr<const ImageCodec> make_codec(Limits limits) {
  return std::make_shared<Codec>(limits);
}

}  // namespace looktwice::imaging
