#include "adapters/imaging/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

constexpr std::size_t kMaxText = std::size_t{1}
                                 << 20;  // unpacked, of one chunk; 64 times that of all
constexpr std::size_t kSignature = 8;

struct Chunk {
  std::string_view name = {};
  std::size_t start = 0;   // of its data
  std::size_t length = 0;  // as its header claims
};

bool is_name(std::string_view name) {
  return name.size() == 4 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '_';
         });
}

// Nothing where the file ends or something that is no chunk follows.
std::optional<Chunk> chunk_at(Bytes file, std::size_t at) {
  const Bytes head = part(file, at, 8);
  if (head.size() < 8) return {};
  const Chunk chunk{.name = {reinterpret_cast<const char*>(&head[4]), 4},
                    .start = at + 8,
                    .length = be32(head, 0)};
  if (!is_name(chunk.name)) return {};
  return chunk;
}

[[noreturn]] void refuse_chunk(std::string_view name, const std::string& why) {
  refuse("PNG: chunk " + std::string(name) + " " + why);
}

// Unpacked size of a zlib stream, looked at up to the limit only. Broken streams count as nothing:
// their chunk is ignored, as Pillow ignores it.
std::size_t unpacked_size(std::string_view name, Bytes packed) {
  std::vector<std::uint8_t> out(std::size_t{1} << 16);
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK) refuse("out of memory");
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  std::size_t size = 0;
  int status = Z_OK;
  do {
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    status = inflate(&stream, Z_SYNC_FLUSH);
    size += out.size() - stream.avail_out;
  } while (status == Z_OK && stream.avail_out == 0 && size < kMaxText);
  const bool unfinished = status == Z_OK && size == kMaxText && stream.avail_in > 0;
  inflateEnd(&stream);
  if (unfinished) refuse_chunk(name, "unpacks to more than 1 MiB");
  return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR ? size : 0;
}

// Position of the first zero byte at or after `from`.
std::optional<std::size_t> zero_in(Bytes data, std::size_t from = 0) {
  const auto found = std::find(
      data.begin() + static_cast<std::ptrdiff_t>(std::min(from, data.size())), data.end(), 0);
  if (found == data.end()) return {};
  return static_cast<std::size_t>(found - data.begin());
}

class Walk {
 public:
  // One chunk other than IDAT and IEND.
  void take(std::string_view name, Bytes data) {
    if (name == "IHDR") return take_header(data);
    if (name == "PLTE") return take_palette(data);
    if (name == "tRNS") return take_transparency(data);
    if (name == "iCCP") return take_profile(data);
    if (name == "tEXt") return take_text(data);
    if (name == "zTXt") return take_packed_text(data);
    if (name == "iTXt") return take_international_text(data);
    if (name == "acTL") return take_animation(data);
    if (name == "fcTL") return take_frame(data);
    if (name == "fdAT") refuse_chunk(name, "stands before any image data");
    if (name == "eXIf") header.orientation = exif_orientation(data);
    if (name == "gAMA") need(name, data, 4);
    if (name == "cHRM" && data.size() % 4 != 0) refuse_chunk(name, "has a wrong length");
    if (name == "sRGB") need(name, data, 1);
    if (name == "pHYs") need(name, data, 9);
  }

  bool animated(bool default_image) const {
    return frames_ && *frames_ + (default_image ? 1u : 0u) > 1;
  }
  bool has_frame() const { return has_frame_; }

  PngHeader header = {};

 private:
  static void need(std::string_view name, Bytes data, std::size_t size) {
    if (data.size() < size) refuse_chunk(name, "is too short");
  }

  void take_header(Bytes data) {
    need("IHDR", data, 13);
    header.width = be32(data, 0);
    header.height = be32(data, 4);
    const int bits = data[8], colour = data[9];
    const bool small = bits == 1 || bits == 2 || bits == 4;
    const bool known = (colour == 0 && (small || bits == 8 || bits == 16)) ||
                       (colour == 3 && (small || bits == 8)) ||
                       ((colour == 2 || colour == 4 || colour == 6) && (bits == 8 || bits == 16));
    if (known) {
      header.bits = bits;
      header.colour = colour;
    }
    if (data[12] != 0) header.interlaced = true;
    if (data[11] != 0) refuse_chunk("IHDR", "names an unknown filter method");
  }

  void take_palette(Bytes data) {
    if (header.colour != 3) return;
    if (data.size() / 3 > 256) refuse_chunk("PLTE", "has more than 256 colours");
    header.palette.assign(data.begin(), data.end());
  }

  void take_transparency(Bytes data) {
    const bool wide_alpha = header.colour == 4 || header.colour == 6;
    if (header.colour < 0 || header.colour == 3 || wide_alpha) return;
    need("tRNS", data, header.colour == 2 ? 6 : 2);
  }

  void take_profile(Bytes data) {
    const std::size_t name_end = zero_in(data).value_or(static_cast<std::size_t>(-1));
    const std::size_t method = name_end + 1;  // -1 + 1: Pillow then looks at the first byte
    need("iCCP", data, method + 1);
    if (data[method] != 0) refuse_chunk("iCCP", "is packed in an unknown way");
    unpacked_size("iCCP", data.subspan(method + 1));
  }

  void count_text(std::size_t size) {
    text_ += size;
    if (text_ > 64 * kMaxText) refuse("PNG: more than 64 MiB of text");
  }

  void take_text(Bytes data) {
    const std::optional<std::size_t> key_end = zero_in(data);
    if (key_end && *key_end > 0) count_text(data.size() - *key_end - 1);
  }

  void take_packed_text(Bytes data) {
    const std::size_t value = zero_in(data).value_or(data.size()) + 1;
    const bool has_key = value > 1;
    if (value >= data.size()) return;
    if (data[value] != 0) refuse_chunk("zTXt", "is packed in an unknown way");
    const std::size_t size = unpacked_size("zTXt", data.subspan(value + 1));
    if (has_key) count_text(size);
  }

  void take_international_text(Bytes data) {
    const std::optional<std::size_t> key_end = zero_in(data);
    if (!key_end || data.size() - *key_end - 1 < 2) return;
    const bool packed = data[*key_end + 1] != 0;
    const int method = data[*key_end + 2];
    const std::optional<std::size_t> language_end = zero_in(data, *key_end + 3);
    if (!language_end) return;
    const std::optional<std::size_t> translated_end = zero_in(data, *language_end + 1);
    if (!translated_end) return;
    const Bytes text = data.subspan(*translated_end + 1);
    if (packed && method != 0) return;
    count_text(packed ? unpacked_size("iTXt", text) : text.size());
  }

  void take_animation(Bytes data) {
    need("acTL", data, 8);
    const std::uint32_t frames = be32(data, 0);
    if (frames_) {
      frames_.reset();
    } else if (frames > 0 && frames <= 0x80000000u) {
      frames_ = frames;
    }
  }

  void take_frame(Bytes data) {
    need("fcTL", data, 26);
    const std::uint32_t number = be32(data, 0);
    if (number != (last_frame_ ? *last_frame_ + 1 : 0u)) refuse_chunk("fcTL", "is out of order");
    last_frame_ = number;
    const std::uint64_t right = std::uint64_t{be32(data, 12)} + be32(data, 4);
    const std::uint64_t bottom = std::uint64_t{be32(data, 16)} + be32(data, 8);
    if (right > header.width || bottom > header.height)
      refuse_chunk("fcTL", "lies outside the picture");
    // Pillow would fill in that part and leave the rest black; the standard forbids it.
    if (be32(data, 4) != header.width || be32(data, 8) != header.height)
      refuse_chunk("fcTL", "makes the first frame smaller than the picture");
    has_frame_ = true;
  }

  std::size_t text_ = 0;
  std::optional<std::uint32_t> frames_ = {}, last_frame_ = {};
  bool has_frame_ = false;
};

Bytes whole_data(Bytes file, const Chunk& chunk) {
  const Bytes data = part(file, chunk.start, chunk.length);
  if (data.size() < chunk.length) refuse_chunk(chunk.name, "is cut off");
  return data;
}

void check_checksum(Bytes file, const Chunk& chunk) {
  const std::size_t end = chunk.start + chunk.length;
  if (file.size() < end + 4) refuse_chunk(chunk.name, "is cut off");
  const Bytes summed = part(file, chunk.start - 4, chunk.length + 4);
  if (crc32_z(0, summed.data(), summed.size()) != be32(file, end))
    refuse_chunk(chunk.name, "has a wrong checksum");
}

// Everything before the first IDAT; `at` is left on it.
Walk walk_to_data(Bytes file, std::size_t& at) {
  Walk walk;
  for (at = kSignature;;) {
    const std::optional<Chunk> chunk = chunk_at(file, at);
    if (!chunk) refuse("PNG: cut off or broken before the image data");
    if (chunk->name == "IDAT") return walk;
    if (chunk->name == "IEND") refuse("PNG: no image data");
    walk.take(chunk->name, whole_data(file, *chunk));
    check_checksum(file, *chunk);
    at = chunk->start + chunk->length + 4;
  }
}

}  // namespace

PngChunks png_chunks(Bytes file) {
  std::size_t at = 0;
  PngChunks chunks{.header = walk_to_data(file, at).header};
  if (chunks.header.colour < 0)
    refuse("PNG: no header, or bits and colour that do not go together");
  while (const std::optional<Chunk> chunk = chunk_at(file, at)) {
    if (chunk->name != "IDAT") break;
    chunks.data.push_back(part(file, chunk->start, chunk->length));
    at = chunk->start + chunk->length + 4;
  }
  return chunks;
}

void check_png_tail(Bytes file, std::size_t last_used) {
  std::size_t at = 0;
  Walk walk = walk_to_data(file, at);
  const bool animated = walk.animated(!walk.has_frame());
  for (std::size_t i = 0;; ++i) {
    const std::optional<Chunk> chunk = chunk_at(file, at);
    if (!chunk || chunk->name == "IEND") return;
    if (chunk->name == "fcTL" && animated) return;
    if (chunk->name == "IDAT") {
      if (i > last_used) whole_data(file, *chunk);
    } else {
      walk.take(chunk->name, whole_data(file, *chunk));
    }
    at = chunk->start + chunk->length + 4;
  }
}

}  // namespace looktwice::imaging
