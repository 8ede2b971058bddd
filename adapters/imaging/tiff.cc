// TIFF through libtiff; which combinations of tags are read, and what their samples mean, is
// Pillow's table. The first picture of a file counts. Unlike EXIF elsewhere, TIFF's own orientation
// tag is obeyed, since Pillow obeys it.

#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "adapters/imaging/raster.h"
#include "adapters/imaging/tiff_file.h"

namespace looktwice::imaging {
namespace {

struct Tags {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT,
                photometric = PHOTOMETRIC_MINISWHITE;
  std::uint16_t compression = COMPRESSION_NONE, planar = PLANARCONFIG_CONTIG, orientation = 1,
                extras = 0;
  std::uint16_t fill_order = FILLORDER_MSB2LSB;
  std::uint16_t alpha = EXTRASAMPLE_UNSPECIFIED;  // meaning of the first extra sample
  bool big_endian = false;
};

Tags tags_of(TIFF* tiff, const Limits& limits) {
  Tags tags;
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &tags.width) ||
      !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &tags.height))
    refuse("TIFF: width or height is missing");
  check_size(tags.width, tags.height, limits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &tags.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &tags.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &tags.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &tags.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_FILLORDER, &tags.fill_order);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &tags.photometric);
  TIFFGetField(tiff, TIFFTAG_COMPRESSION, &tags.compression);
  TIFFGetField(tiff, TIFFTAG_ORIENTATION, &tags.orientation);
  std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &tags.extras, &kinds) && tags.extras > 0)
    tags.alpha = kinds[0];
  tags.big_endian = TIFFIsBigEndian(tiff) != 0;
  return tags;
}

// What is done with the samples of a pixel.
enum class Rule { grey, indexed, rgb, premultiplied, cmyk, ycbcr };

Rule rule_of(const Tags& tags) {
  const auto unsupported = [] {
    refuse("TIFF: bits, samples and colours that are not supported together");
  };
  const bool eight = tags.bits == 8, sixteen = tags.bits == 16;
  const int extras = tags.extras;
  const int colours = tags.samples - extras;
  switch (tags.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: {
      const bool white = tags.photometric == PHOTOMETRIC_MINISWHITE;
      const bool small = tags.bits == 1 || tags.bits == 2 || tags.bits == 4;
      const bool alpha = extras == 1 && eight && !white && tags.alpha == EXTRASAMPLE_UNASSALPHA;
      if (colours != 1 || (extras != 0 && !alpha)) unsupported();
      bool known = false;
      if (tags.format == SAMPLEFORMAT_UINT)
        known = small || eight || (sixteen && !(white && tags.big_endian)) ||
                (tags.bits == 12 && !white && !tags.big_endian) ||
                (tags.bits == 32 && !white && !tags.big_endian);
      if (tags.format == SAMPLEFORMAT_INT) known = !white && (eight || sixteen || tags.bits == 32);
      if (tags.format == SAMPLEFORMAT_IEEEFP) known = tags.bits == 32;
      if (!known) unsupported();
      return Rule::grey;
    }
    case PHOTOMETRIC_PALETTE:
      if (tags.bits > 8 || colours != 1 || extras > 1) unsupported();
      return Rule::indexed;
    case PHOTOMETRIC_RGB:
      if (!(eight || sixteen) || tags.samples < 3 || tags.samples > 6 ||
          tags.format != SAMPLEFORMAT_UINT)
        unsupported();
      return extras > 0 && tags.alpha == EXTRASAMPLE_ASSOCALPHA ? Rule::premultiplied : Rule::rgb;
    case PHOTOMETRIC_SEPARATED:
      if (!(eight || sixteen) || colours != 4 || tags.format != SAMPLEFORMAT_UINT) unsupported();
      return Rule::cmyk;
    case PHOTOMETRIC_YCBCR:
      if (!eight) unsupported();
      if (tags.samples == 1) return Rule::grey;
      if (tags.samples != 3 || tags.compression == COMPRESSION_NONE) unsupported();
      return tags.compression == COMPRESSION_JPEG && tags.planar == PLANARCONFIG_CONTIG
                 ? Rule::rgb
                 : Rule::ycbcr;
    default:
      unsupported();
  }
  return Rule::grey;
}

// Any real number to a byte as Pillow clips it; a mask keeps what is small but not nothing.
std::uint8_t clipped(double value, Use use) {
  if (!(value > 0)) return 0;
  if (value >= 255) return 255;
  if (use == Use::mask && value < 1) return 1;
  return static_cast<std::uint8_t>(value);
}

template <class Number>
Number number_at(const std::uint8_t* row, std::size_t index) {
  Number number;
  std::memcpy(&number, row + index * sizeof(Number), sizeof number);
  return number;
}

// Sample `index` of a row (in the machine's byte order, as libtiff hands it over) as a byte.
std::uint8_t sample_at(const Tags& tags, Use use, const std::uint8_t* row, std::size_t index) {
  switch (tags.bits) {
    case 8:
      return row[index];
    case 16: {
      if (tags.format == SAMPLEFORMAT_INT) return clipped(number_at<std::int16_t>(row, index), use);
      const unsigned value = number_at<std::uint16_t>(row, index);
      const bool colour =
          tags.photometric == PHOTOMETRIC_RGB || tags.photometric == PHOTOMETRIC_SEPARATED;
      if (colour && use == Use::picture) return static_cast<std::uint8_t>(value >> 8);
      return clipped(value, use);
    }
    case 32:
      if (tags.format == SAMPLEFORMAT_IEEEFP) return clipped(number_at<float>(row, index), use);
      // Pillow keeps 32 bits as a signed number.
      return clipped(number_at<std::int32_t>(row, index), use);
    case 12: {
      const std::size_t at = index / 2 * 3;
      return clipped(
          index % 2 == 0 ? row[at] << 4 | row[at + 1] >> 4 : (row[at + 1] & 15) << 8 | row[at + 2],
          use);
    }
    default: {
      const std::size_t bit = index * tags.bits;
      return static_cast<std::uint8_t>(row[bit / 8] >> (8 - tags.bits - bit % 8) &
                                       ((1 << tags.bits) - 1));
    }
  }
}

std::uint8_t unmultiplied(unsigned value, unsigned alpha) {
  return static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(255u, value * 255 / alpha));
}

// One row of `columns` pixels to out[columns][channels of the raster].
void unpack_row(const Tags& tags, Rule rule, Use use, const std::uint8_t* row, int columns,
                std::uint8_t* out) {
  const std::size_t samples = tags.samples;
  for (std::size_t x = 0; x < std::size_t(columns); ++x) {
    const auto sample = [&](std::size_t c) { return sample_at(tags, use, row, x * samples + c); };
    switch (rule) {
      case Rule::grey: {
        unsigned value = sample(0);
        if (tags.bits < 8) value *= 255u / ((1u << tags.bits) - 1);
        // Pillow does not turn wide greys around.
        if (tags.photometric == PHOTOMETRIC_MINISWHITE && tags.bits <= 8) value = 255 - value;
        *out++ = static_cast<std::uint8_t>(value);
        break;
      }
      case Rule::indexed:
        *out++ = sample(0);
        break;
      case Rule::rgb:
      case Rule::ycbcr:
        for (std::size_t c = 0; c < 3; ++c) *out++ = sample(c);
        break;
      case Rule::premultiplied:
        for (std::size_t c = 0; c < 3; ++c) *out++ = unmultiplied(sample(c), sample(3));
        break;
      case Rule::cmyk: {
        const std::uint8_t inks[4] = {sample(0), sample(1), sample(2), sample(3)};
        rgb_from_cmyk(inks, out, 1);
        out += 3;
        break;
      }
    }
  }
}

// A rectangle of the file that is unpacked in one piece.
struct Piece {
  std::uint32_t x = 0, y = 0, width = 0, height = 0;
};

class Reader {
 public:
  Reader(TIFF* tiff, const Tags& tags, Rule rule, Use use)
      : tiff_(tiff), tags_(tags), rule_(rule), use_(use) {
    const bool separate = tags.planar == PLANARCONFIG_SEPARATE && tags.samples > 1;
    planes_ = !separate ? 1 : rule == Rule::cmyk || rule == Rule::premultiplied ? 4 : channels();
    tiled_ = TIFFIsTiled(tiff) != 0;
    if (tiled_) {
      if (!TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &piece_width_) ||
          !TIFFGetField(tiff, TIFFTAG_TILELENGTH, &piece_height_))
        refuse("TIFF: the size of the tiles is missing");
      row_bytes_ = TIFFTileRowSize(tiff);
      piece_bytes_ = TIFFTileSize(tiff);
    } else {
      piece_width_ = tags.width;
      if (!TIFFGetField(tiff, TIFFTAG_ROWSPERSTRIP, &piece_height_)) piece_height_ = tags.height;
      piece_height_ = std::min(piece_height_, tags.height);
      row_bytes_ = TIFFScanlineSize(tiff);
      piece_bytes_ = TIFFStripSize(tiff);
    }
    check_piece();
  }

  Raster read() {
    Raster raster =
        blank_raster(static_cast<int>(tags_.width), static_cast<int>(tags_.height), channels());
    buffer_.resize(static_cast<std::size_t>(piece_bytes_));
    std::vector<std::uint8_t> four;  // planes that are only meaningful together, side by side
    for (std::uint32_t y = 0; y < tags_.height; y += piece_height_)
      for (std::uint32_t x = 0; x < tags_.width; x += piece_width_) {
        const Piece piece{x, y, std::min(piece_width_, tags_.width - x),
                          std::min(piece_height_, tags_.height - y)};
        if (planes_ == 1) {
          read_piece(piece, 0);
          for (std::uint32_t row = 0; row < piece.height; ++row)
            unpack_row(tags_, rule_, use_, packed_row(row), static_cast<int>(piece.width),
                       at(raster, piece, row));
        } else {
          read_planes(piece, raster, four);
        }
      }
    return raster;
  }

 private:
  int channels() const { return rule_ == Rule::grey || rule_ == Rule::indexed ? 1 : 3; }
  const std::uint8_t* packed_row(std::uint32_t row) const {
    return &buffer_[std::size_t(row_bytes_) * row];
  }
  std::uint8_t* at(Raster& raster, const Piece& piece, std::uint32_t row) const {
    return &raster.pixels[(std::size_t{piece.y + row} * tags_.width + piece.x) *
                          std::size_t(raster.channels)];
  }

  // What libtiff thinks of the sizes must be what we are going to read.
  void check_piece() const {
    const std::uint64_t samples =
        planes_ > 1 || tags_.planar == PLANARCONFIG_SEPARATE ? 1 : tags_.samples;
    const std::uint64_t needed = (std::uint64_t{piece_width_} * samples * tags_.bits + 7) / 8;
    constexpr std::uint64_t kMost = std::uint64_t{1} << 31;
    if (piece_width_ == 0 || piece_height_ == 0 || row_bytes_ <= 0 || piece_bytes_ <= 0 ||
        static_cast<std::uint64_t>(row_bytes_) < needed ||
        static_cast<std::uint64_t>(piece_bytes_) > kMost ||
        static_cast<std::uint64_t>(piece_bytes_) <
            static_cast<std::uint64_t>(row_bytes_) * piece_height_)
      refuse("TIFF: strips or tiles of a senseless size");
    // A tile may stick out of the picture, but not by more than the picture's own size and a usual
    // tile.
    constexpr std::uint64_t kTile = 4096;
    if (piece_width_ > std::max<std::uint64_t>(kTile, 2ull * tags_.width) ||
        piece_height_ > std::max<std::uint64_t>(kTile, 2ull * tags_.height))
      refuse("TIFF: tiles much larger than the picture");
  }

  void read_piece(const Piece& piece, int plane) {
    const std::uint16_t sample = static_cast<std::uint16_t>(plane);
    const tmsize_t got = tiled_
                             ? TIFFReadTile(tiff_, buffer_.data(), piece.x, piece.y, 0, sample)
                             : TIFFReadEncodedStrip(tiff_, TIFFComputeStrip(tiff_, piece.y, sample),
                                                    buffer_.data(), piece_bytes_);
    if (got < static_cast<tmsize_t>(piece.height - 1) * row_bytes_)
      refuse("TIFF: a strip or tile is damaged or cut off");
  }

  void read_planes(const Piece& piece, Raster& raster, std::vector<std::uint8_t>& four) {
    const std::size_t planes = std::size_t(planes_), four_row = std::size_t{piece.width} * 4;
    if (planes == 4) four.resize(four_row * piece.height);
    for (std::size_t plane = 0; plane < planes; ++plane) {
      read_piece(piece, static_cast<int>(plane));
      for (std::uint32_t row = 0; row < piece.height; ++row) {
        std::uint8_t* out = planes == 4 ? &four[four_row * row] : at(raster, piece, row);
        for (std::uint32_t x = 0; x < piece.width; ++x)
          out[planes * x + plane] = sample_at(tags_, use_, packed_row(row), x);
      }
    }
    if (planes != 4) return;
    const Tags bytes{.bits = 8, .samples = 4};
    for (std::uint32_t row = 0; row < piece.height; ++row)
      unpack_row(bytes, rule_, use_, &four[four_row * row], static_cast<int>(piece.width),
                 at(raster, piece, row));
  }

  TIFF* tiff_;
  const Tags& tags_;
  const Rule rule_;
  const Use use_;
  int planes_ = 1;
  bool tiled_ = false;
  std::uint32_t piece_width_ = 0, piece_height_ = 0;
  tmsize_t row_bytes_ = 0, piece_bytes_ = 0;
  std::vector<std::uint8_t> buffer_ = {};
};

// YCbCr other than JPEG in one plane: libtiff's own conversion, in blocks of one strip or tile as
// Pillow asks for it.
Raster read_ycbcr(TIFF* tiff, const Tags& tags) {
  char why[1024] = "";
  TIFFRGBAImage picture;
  if (!TIFFRGBAImageOK(tiff, why) || !TIFFRGBAImageBegin(&picture, tiff, 0, why))
    refuse("TIFF: YCbCr of a kind that libtiff does not read");
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> guard(&picture,
                                                                          TIFFRGBAImageEnd);
  picture.orientation = picture.req_orientation = ORIENTATION_TOPLEFT;
  std::uint32_t block = tags.height;
  TIFFGetFieldDefaulted(tiff, TIFFIsTiled(tiff) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP,
                        &block);
  block = std::clamp(block, std::uint32_t{1}, tags.height);
  Raster raster = blank_raster(static_cast<int>(tags.width), static_cast<int>(tags.height), 3);
  std::vector<std::uint32_t> pixels(std::size_t{tags.width} * block);
  for (std::uint32_t y = 0; y < tags.height; y += block) {
    const std::uint32_t rows = std::min(block, tags.height - y);
    picture.row_offset = static_cast<int>(y);
    if (!TIFFRGBAImageGet(&picture, pixels.data(), tags.width, rows))
      refuse("TIFF: a strip or tile is damaged");
    std::uint8_t* out = &raster.pixels[std::size_t{y} * tags.width * 3];
    for (std::size_t i = 0; i < std::size_t{tags.width} * rows; ++i, out += 3) {
      out[0] = static_cast<std::uint8_t>(TIFFGetR(pixels[i]));
      out[1] = static_cast<std::uint8_t>(TIFFGetG(pixels[i]));
      out[2] = static_cast<std::uint8_t>(TIFFGetB(pixels[i]));
    }
  }
  return raster;
}

void set_palette(TIFF* tiff, const Tags& tags, Raster& raster) {
  std::uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
    refuse("TIFF: the palette is missing");
  raster.indexed = true;
  for (std::size_t i = 0; i < std::size_t{1} << tags.bits; ++i) {
    raster.palette[3 * i] = static_cast<std::uint8_t>(red[i] >> 8);
    raster.palette[3 * i + 1] = static_cast<std::uint8_t>(green[i] >> 8);
    raster.palette[3 * i + 2] = static_cast<std::uint8_t>(blue[i] >> 8);
  }
}

// Orientation 1..8 as in EXIF: 2 mirrored, 3 half a turn, 4 upside down mirror, 5 and 7 transposed,
// 6 and 8 quarter turns.
Raster turned(Raster&& raster, int orientation) {
  if (orientation < 2 || orientation > 8) return std::move(raster);
  const bool swapped = orientation >= 5;
  Raster out = std::move(raster);
  const std::vector<std::uint8_t> before = std::move(out.pixels);
  out.pixels.assign(before.size(), 0);
  const int width = out.width, height = out.height, channels = out.channels;
  if (swapped) std::swap(out.width, out.height);
  const bool mirror = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      int from_x = swapped ? y : x, from_y = swapped ? x : y;
      if (mirror) from_x = width - 1 - from_x;
      if (flip) from_y = height - 1 - from_y;
      const std::size_t from =
          (std::size_t(from_y) * std::size_t(width) + std::size_t(from_x)) * std::size_t(channels);
      const std::size_t to =
          (std::size_t(y) * std::size_t(out.width) + std::size_t(x)) * std::size_t(channels);
      for (std::size_t c = 0; c < std::size_t(channels); ++c) out.pixels[to + c] = before[from + c];
    }
  return out;
}

// Strips and tiles lie in the file, so a picture that the file is far too small for is refused
// before memory is taken.
void check_plausible(const Tags& tags, std::size_t bytes) {
  const std::uint64_t pixels = std::uint64_t{tags.width} * tags.height;
  const std::uint64_t needed = pixels * tags.bits / 8 * tags.samples;
  constexpr std::uint64_t kSmall = std::uint64_t{16} << 20;
  // Packers of one byte to many pixels: LZW, Deflate and ZSTD stay below 1 : 20,000, CCITT below 1
  // : 30,000 bits.
  const std::uint64_t ratio = tags.compression == COMPRESSION_NONE ? 1 : 20000;
  if (needed > kSmall && needed / ratio > bytes)
    refuse("TIFF: the data end before the picture does");
}

}  // namespace

ImageInfo tiff_info(Bytes file, const Limits& limits) {
  TiffSource source{.file = file};
  const Tiff tiff = open_tiff(source);
  const Tags tags = tags_of(tiff.get(), limits);
  const bool swapped = tags.orientation >= 5 && tags.orientation <= 8;
  return {
      .width = static_cast<int>(swapped ? tags.height : tags.width),
      .height = static_cast<int>(swapped ? tags.width : tags.height),
      .channels = tags.samples,
      .bits = tags.bits,
      .format = "tiff",
      .exif_orientation = tags.orientation >= 1 && tags.orientation <= 8 ? tags.orientation : 1};
}

Raster decode_tiff(Bytes file, const Limits& limits, Use use) {
  TiffSource source{.file = file};
  const Tiff tiff = open_tiff(source);
  const Tags tags = tags_of(tiff.get(), limits);
  const Rule rule = rule_of(tags);
  check_plausible(tags, file.size());
  if (tags.photometric == PHOTOMETRIC_YCBCR && rule == Rule::rgb)
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  Raster raster = rule == Rule::ycbcr ? read_ycbcr(tiff.get(), tags)
                                      : Reader(tiff.get(), tags, rule, use).read();
  if (rule == Rule::indexed) set_palette(tiff.get(), tags, raster);
  return turned(std::move(raster), tags.orientation);
}

}  // namespace looktwice::imaging
