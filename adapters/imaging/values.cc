#include "adapters/imaging/values.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "adapters/imaging/png_chunks.h"
#include "adapters/imaging/raster.h"
#include "adapters/imaging/tiff_file.h"

namespace looktwice::imaging {
namespace {

NumberArray values_of_png(Bytes file, const Limits& limits) {
  const PngHeader header = png_chunks(file).header;
  if (header.colour != 0 && header.colour != 4)
    refuse("PNG: a colour picture; expected grey values");
  const Raster raster = decode_png(file, limits, Use::values);
  NumberArray array{.shape = {std::size_t(raster.height), std::size_t(raster.width)}};
  array.values.resize(array.shape[0] * array.shape[1]);
  const std::uint8_t* at = raster.pixels.data();
  for (float& value : array.values) {
    value = static_cast<float>(raster.channels == 2 ? at[0] << 8 | at[1] : at[0]);
    at += raster.channels;
  }
  return array;
}

template <class Number>
void append(const std::uint8_t* row, std::size_t columns, float* out) {
  for (std::size_t x = 0; x < columns; ++x) {
    Number number;
    std::memcpy(&number, row + x * sizeof number, sizeof number);
    out[x] = static_cast<float>(number);
    if constexpr (std::is_same_v<Number, double>)
      if (std::isfinite(number) && !std::isfinite(out[x]))
        refuse("TIFF: a float64 value that no float32 can hold");
  }
}

void append_halves(const std::uint8_t* row, std::size_t columns, float* out) {
  for (std::size_t x = 0; x < columns; ++x) {
    std::uint16_t half = 0;
    std::memcpy(&half, row + 2 * x, sizeof half);
    out[x] = float_of_half(half);
  }
}

using Append = void (*)(const std::uint8_t* row, std::size_t columns, float* out);

// libtiff hands samples over in the machine's byte order.
Append append_for(int bits, int format) {
  switch (format) {
    case SAMPLEFORMAT_UINT:
      if (bits == 8) return append<std::uint8_t>;
      if (bits == 16) return append<std::uint16_t>;
      if (bits == 32) return append<std::uint32_t>;
      break;
    case SAMPLEFORMAT_INT:
      if (bits == 8) return append<std::int8_t>;
      if (bits == 16) return append<std::int16_t>;
      if (bits == 32) return append<std::int32_t>;
      break;
    case SAMPLEFORMAT_IEEEFP:
      if (bits == 16) return append_halves;
      if (bits == 32) return append<float>;
      if (bits == 64) return append<double>;
      break;
    default:
      break;
  }
  refuse("TIFF: samples of " + std::to_string(bits) + " bits of this kind are not read as values");
}

NumberArray values_of_tiff(Bytes file, const Limits& limits) {
  TiffSource source{.file = file};
  const Tiff tiff = open_tiff(source);
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT,
                photometric = PHOTOMETRIC_MINISBLACK;
  std::uint16_t orientation = 1, compression = COMPRESSION_NONE;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  check_size(width, height, limits);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &photometric);
  TIFFGetField(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetField(tiff.get(), TIFFTAG_COMPRESSION, &compression);
  if (samples != 1 || photometric != PHOTOMETRIC_MINISBLACK)
    refuse("TIFF: expected one grey sample per pixel, larger = brighter");
  if (orientation != 1) refuse("TIFF: the orientation tag says that the picture is turned");
  const Append append_row = append_for(bits, format);

  // Memory is taken only for what the file can fill; see check_plausible in tiff.cc for the ratio.
  const std::uint64_t needed = std::uint64_t{width} * height * bits / 8;
  constexpr std::uint64_t kSmall = std::uint64_t{1} << 20;
  if (needed > kSmall && needed / (compression == COMPRESSION_NONE ? 1 : 20000) > file.size())
    refuse("TIFF: the data end before the picture does");
  NumberArray array{.shape = {height, width},
                    .values = std::vector<float>(std::size_t{height} * width)};
  const auto row_at = [&](std::uint32_t x, std::uint32_t y) {
    return array.values.data() + std::size_t{y} * width + x;
  };

  if (TIFFIsTiled(tiff.get())) {
    std::uint32_t tile_width = 0, tile_height = 0;
    TIFFGetField(tiff.get(), TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tiff.get(), TIFFTAG_TILELENGTH, &tile_height);
    const tmsize_t row_bytes = TIFFTileRowSize(tiff.get()), tile_bytes = TIFFTileSize(tiff.get());
    constexpr std::uint32_t kLargestTile = 4096;
    if (tile_width == 0 || tile_height == 0 || tile_width > std::max(kLargestTile, 2 * width) ||
        tile_height > std::max(kLargestTile, 2 * height) ||
        row_bytes < tmsize_t{tile_width} * bits / 8 ||
        tile_bytes < row_bytes * tmsize_t{tile_height})
      refuse("TIFF: tiles of a senseless size");
    std::vector<std::uint8_t> tile(static_cast<std::size_t>(tile_bytes));
    for (std::uint32_t y = 0; y < height; y += tile_height)
      for (std::uint32_t x = 0; x < width; x += tile_width) {
        const std::uint32_t rows = std::min(tile_height, height - y);
        if (TIFFReadTile(tiff.get(), tile.data(), x, y, 0, 0) < tmsize_t{rows} * row_bytes)
          refuse("TIFF: a tile is damaged or cut off");
        for (std::uint32_t row = 0; row < rows; ++row)
          append_row(tile.data() + std::size_t(row_bytes) * row, std::min(tile_width, width - x),
                     row_at(x, y + row));
      }
  } else {
    std::vector<std::uint8_t> row(static_cast<std::size_t>(TIFFScanlineSize(tiff.get())));
    if (row.size() < std::size_t{width} * bits / 8) refuse("TIFF: rows of a senseless size");
    for (std::uint32_t y = 0; y < height; ++y) {
      if (TIFFReadScanline(tiff.get(), row.data(), y) != 1)
        refuse("TIFF: a strip is damaged or cut off");
      append_row(row.data(), width, row_at(0, y));
    }
  }
  if (!TIFFLastDirectory(tiff.get())) refuse("TIFF: holds more than one picture");
  return array;
}

}  // namespace

NumberArray grey_values(std::span<const std::byte> encoded, Limits limits) {
  using namespace std::string_view_literals;
  const Bytes file = as_bytes(encoded);
  const std::string_view head(reinterpret_cast<const char*>(file.data()),
                              std::min<std::size_t>(file.size(), 8));
  if (head == "\x89PNG\r\n\x1a\n"sv) return values_of_png(file, limits);
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "MM\0+"sv, "II+\0"sv})
    if (head.starts_with(magic)) return values_of_tiff(file, limits);
  refuse("neither TIFF nor PNG, nor .npy or .npz");
}

}  // namespace looktwice::imaging
