// BMP with Pillow's rules for what a header may say and what its pixels mean. Small enough to read
// here; stb_image and libgd both read other files than Pillow does (bit masks, RLE deltas, palettes
// that are too short).

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

enum Compression : std::uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

// Where red, green and blue lie in a little-endian pixel: byte offsets, or 5 bits each, or 5-6-5.
enum class Layout { index, bytes, bits555, bits565 };

struct Header {
  std::uint32_t size = 0, width = 0, height = 0, compression = kRaw, colours = 0;
  int bits = 0;
  bool top_down = false;
  int palette_step = 4;
  std::size_t palette = 0;  // where it begins
  std::size_t pixels = 0;   // where they begin
  Layout layout = Layout::index;
  std::array<int, 3> offsets = {2, 1, 0};
};

struct MaskRule {
  std::array<std::uint32_t, 4> masks;
  std::array<int, 3> offsets;
};
// The layouts of 32 bits that Pillow knows: BGRX, XBGR, BGXR, ABGR, RGBA, BGRA, BGAR and no masks
// at all.
constexpr MaskRule kMasks32[] = {
    {{0xff0000, 0xff00, 0xff, 0}, {2, 1, 0}},
    {{0xff000000, 0xff0000, 0xff00, 0}, {3, 2, 1}},
    {{0xff000000, 0xff00, 0xff, 0}, {3, 1, 0}},
    {{0xff000000, 0xff0000, 0xff00, 0xff}, {3, 2, 1}},
    {{0xff, 0xff00, 0xff0000, 0xff000000}, {0, 1, 2}},
    {{0xff0000, 0xff00, 0xff, 0xff000000}, {2, 1, 0}},
    {{0xff000000, 0xff00, 0xff, 0xff0000}, {3, 1, 0}},
    {{0, 0, 0, 0}, {2, 1, 0}},
};

void set_layout_by_masks(Header& header, const std::array<std::uint32_t, 4>& masks) {
  const std::array<std::uint32_t, 3> colour = {masks[0], masks[1], masks[2]};
  using Masks = std::array<std::uint32_t, 3>;
  if (header.bits == 32) {
    const auto* rule = std::find_if(std::begin(kMasks32), std::end(kMasks32),
                                    [&](const MaskRule& known) { return known.masks == masks; });
    if (rule != std::end(kMasks32)) {
      header.offsets = rule->offsets;
      return;
    }
  } else if (header.bits == 24 && colour == Masks{0xff0000, 0xff00, 0xff}) {
    return;
  } else if (header.bits == 16 && colour == Masks{0xf800, 0x7e0, 0x1f}) {
    header.layout = Layout::bits565;
    return;
  } else if (header.bits == 16 && colour == Masks{0x7c00, 0x3e0, 0x1f}) {
    return;
  }
  refuse("BMP: bit masks that are not supported");
}

Header header_of(Bytes file) {
  Header header{.size = le32(file, 14)};
  if (file.size() < 18 || file.size() < 14 + std::size_t{header.size})
    refuse("BMP: the header is cut off");
  const Bytes rest = part(file, 18, header.size - 4);
  std::size_t at = 14 + header.size;
  std::array<std::uint32_t, 4> masks = {};
  if (header.size == 12) {
    header.width = le16(rest, 0);
    header.height = le16(rest, 2);
    header.bits = static_cast<int>(le16(rest, 6));
    header.palette_step = 3;
  } else if (header.size == 40 || header.size == 52 || header.size == 56 || header.size == 64 ||
             header.size == 108 || header.size == 124) {
    header.top_down = rest[7] == 0xff;
    header.width = le32(rest, 0);
    header.height = header.top_down ? 0u - le32(rest, 4) : le32(rest, 4);
    header.bits = static_cast<int>(le16(rest, 10));
    header.compression = le32(rest, 12);
    header.colours = le32(rest, 28);
    if (header.compression == kBitFields) {
      const bool inside = header.size >= 52;
      const bool alpha = header.size >= 56;
      for (std::size_t i = 0; i < 3; ++i)
        masks[i] = inside ? le32(rest, 36 + 4 * i) : le32(file, at + 4 * i);
      if (alpha) masks[3] = le32(rest, 48);
      if (!inside) {
        if (file.size() < at + 12) refuse("BMP: the bit masks are cut off");
        at += 12;
      }
    }
  } else {
    refuse("BMP: a header of " + std::to_string(header.size) + " bytes is not known");
  }

  const bool indexed = header.bits == 1 || header.bits == 4 || header.bits == 8;
  if (!indexed && header.bits != 16 && header.bits != 24 && header.bits != 32)
    refuse("BMP: " + std::to_string(header.bits) + " bits a pixel");
  if (header.colours == 0) header.colours = std::uint32_t{1} << (header.bits % 32);
  header.pixels = le32(file, 10);
  if (header.pixels == 14 + header.size && header.bits <= 8)
    header.pixels += std::size_t(header.palette_step) * header.colours;
  header.layout = indexed ? Layout::index : header.bits == 16 ? Layout::bits555 : Layout::bytes;

  if (header.compression == kBitFields) {
    set_layout_by_masks(header, masks);
  } else if (header.compression != kRaw && header.compression != kRle8 &&
             header.compression != kRle4) {
    refuse("BMP: compression " + std::to_string(header.compression) + " is not supported");
  }
  header.palette = at;
  if (indexed) {
    if (header.colours > 65536)
      refuse("BMP: a palette of " + std::to_string(header.colours) + " colours");
    at = std::min(file.size(), at + std::size_t(header.palette_step) * header.colours);
  }
  if (header.pixels == 0) header.pixels = at;
  return header;
}

// Colours as Pillow sees them: a palette that is only a grey ramp makes the picture grey.
void set_palette(Bytes file, const Header& header, Raster& raster) {
  const std::size_t step = std::size_t(header.palette_step);
  const Bytes palette = part(file, header.palette, step * header.colours);
  bool grey = true;
  for (std::uint32_t i = 0; i < header.colours && grey; ++i) {
    const std::uint32_t value = header.colours == 2 && i == 1 ? 255 : i & 255;
    grey = step * i + 3 <= palette.size() && palette[step * i] == value &&
           palette[step * i + 1] == value && palette[step * i + 2] == value;
  }
  raster.indexed = !grey;
  if (grey) return;
  if (palette.size() / step > 256) refuse("BMP: more than 256 colours");
  for (std::size_t i = 0; i < palette.size() / step; ++i)
    for (std::size_t c = 0; c < 3; ++c) raster.palette[3 * i + c] = palette[step * i + 2 - c];
}

void unpack_indices(const Header& header, bool indexed, const std::uint8_t* row, int width,
                    std::uint8_t* out) {
  if (header.colours == 2 &&
      !indexed) {  // Pillow's mode "1": one bit a pixel whatever the header says
    for (int x = 0; x < width; ++x) out[x] = (row[x / 8] >> (7 - x % 8) & 1) != 0 ? 255 : 0;
  } else if (header.bits == 8 || !indexed) {
    std::copy_n(row, width, out);
  } else {
    const int per_byte = 8 / header.bits;
    const unsigned mask = (1u << header.bits) - 1;
    for (int x = 0; x < width; ++x)
      out[x] = static_cast<std::uint8_t>(
          unsigned{row[x / per_byte]} >> (header.bits * (per_byte - 1 - x % per_byte)) & mask);
  }
}

void unpack_colours(const Header& header, const std::uint8_t* row, int width, std::uint8_t* out) {
  const auto stretched = [](unsigned value, unsigned most) {
    return static_cast<std::uint8_t>(value * 255 / most);
  };
  for (int x = 0; x < width; ++x, out += 3) {
    if (header.layout == Layout::bytes) {
      for (std::size_t c = 0; c < 3; ++c) out[c] = row[header.offsets[c]];
      row += header.bits / 8;
      continue;
    }
    const unsigned pixel = row[0] | unsigned{row[1]} << 8;
    const bool wide_green = header.layout == Layout::bits565;
    out[0] = stretched(pixel >> (wide_green ? 11 : 10) & 31, 31);
    out[1] = wide_green ? stretched(pixel >> 5 & 63, 63) : stretched(pixel >> 5 & 31, 31);
    out[2] = stretched(pixel & 31, 31);
    row += 2;
  }
}

// Run lengths to indices, rows in file order. Where the code ends early the rest is missing; with
// Pillow that is an error.
std::vector<std::uint8_t> run_lengths(Bytes file, const Header& header) {
  const std::size_t width = header.width, total = width * header.height;
  const bool nibbles = header.compression == kRle4;
  std::vector<std::uint8_t> out;
  out.reserve(total);
  std::size_t at = header.pixels, x = 0;
  while (out.size() < total && at + 2 <= file.size()) {
    std::size_t count = file[at];
    const std::uint8_t value = file[at + 1];
    at += 2;
    if (count > 0) {
      count = x + count > width ? (width > x ? width - x : 0) : count;
      for (std::size_t i = 0; i < count; ++i)
        out.push_back(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
      x += count;
    } else if (value == 0) {
      out.resize((out.size() + width - 1) / width * width);
      x = 0;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (at + 2 > file.size()) break;
      // Capped: whatever lies beyond the picture is not looked at.
      out.resize(std::min(out.size() + file[at] + file[at + 1] * width, total + width));
      at += 2;
      x = out.size() % width;
    } else {
      const Bytes literal = part(file, at, nibbles ? value / 2u : value);
      for (const std::uint8_t byte : literal) {
        if (nibbles) out.push_back(byte >> 4);
        out.push_back(nibbles ? byte & 15 : byte);
      }
      at += literal.size();
      if (literal.size() < (nibbles ? value / 2u : value)) break;
      x += value;
      if (at % 2 != 0) ++at;
    }
  }
  return out;
}

}  // namespace

ImageInfo bmp_info(Bytes file, const Limits& limits) {
  const Header header = header_of(file);
  check_size(header.width, header.height, limits);
  return {.width = static_cast<int>(header.width),
          .height = static_cast<int>(header.height),
          .channels = header.layout == Layout::index ? 1
                      : header.bits == 32            ? 4
                                                     : 3,
          .bits = header.bits <= 8 ? header.bits : 8,
          .format = "bmp"};
}

Raster decode_bmp(Bytes file, const Limits& limits) {
  const Header header = header_of(file);
  check_size(header.width, header.height, limits);
  const int width = static_cast<int>(header.width), height = static_cast<int>(header.height);
  const bool indexed = header.layout == Layout::index;
  const bool packed = header.compression == kRle8 || header.compression == kRle4;
  if (packed && !indexed) refuse("BMP: run lengths need a palette");
  Raster palette;
  if (indexed) set_palette(file, header, palette);

  std::vector<std::uint8_t> indices;
  Bytes data = part(file, header.pixels, file.size());
  std::size_t stride = (std::size_t(width) * std::size_t(header.bits) + 31) / 32 * 4;
  std::size_t row_size = (std::size_t(width) * std::size_t(header.bits) + 7) / 8;
  // Pillow reads "L" as a byte a pixel even where the header says 4 bits, and then finds the rows
  // too short.
  if (indexed && !palette.indexed)
    row_size = header.colours == 2 ? (std::size_t(width) + 7) / 8 : std::size_t(width);
  if (packed) {
    if (!palette.indexed && header.colours == 2) refuse("BMP: run lengths of two greys");
    indices = run_lengths(file, header);
    data = indices;
    stride = row_size = std::size_t(width);
  }
  if (row_size > stride) refuse("BMP: palette and bits a pixel do not go together");
  if (data.size() < stride * std::size_t(height - 1) + row_size) refuse("BMP: the file is cut off");

  Raster raster = blank_raster(width, height, indexed ? 1 : 3);
  raster.indexed = palette.indexed;
  raster.palette = palette.palette;
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* row = &data[stride * std::size_t(header.top_down ? y : height - 1 - y)];
    std::uint8_t* out =
        &raster.pixels[std::size_t(y) * std::size_t(width) * std::size_t(raster.channels)];
    if (packed) {
      std::copy_n(row, width, out);
    } else if (indexed) {
      unpack_indices(header, raster.indexed, row, width, out);
    } else {
      unpack_colours(header, row, width, out);
    }
  }
  return raster;
}

}  // namespace looktwice::imaging
