// PNG out: 8-bit grey or RGB, each row with the filter whose bytes are smallest in sum, packed by
// libdeflate.

#include <libdeflate.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "adapters/imaging/raster.h"
#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

void append_be32(std::vector<std::byte>& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>(value >> shift));
}

void append_chunk(std::vector<std::byte>& out, const char* name, Bytes data) {
  append_be32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t summed = out.size();
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(name[i]));
  const auto* first = reinterpret_cast<const std::byte*>(data.data());
  out.insert(out.end(), first, first + data.size());
  append_be32(out, libdeflate_crc32(0, out.data() + summed, out.size() - summed));
}

int paeth(int left, int up, int corner) {
  const int to_left = std::abs(up - corner), to_up = std::abs(left - corner);
  const int to_corner = std::abs(left + up - 2 * corner);
  if (to_left <= to_up && to_left <= to_corner) return left;
  return to_up <= to_corner ? up : corner;
}

// One row by one filter, with the filter's number in front; gives the sum of the bytes taken as
// signed.
std::int64_t filtered(int filter, const std::uint8_t* row, const std::uint8_t* above,
                      std::size_t size, std::size_t channels, std::uint8_t* out) {
  out[0] = static_cast<std::uint8_t>(filter);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const int left = i < channels ? 0 : row[i - channels],
              corner = i < channels ? 0 : above[i - channels];
    const int up = above[i];
    const int guess = filter == 0   ? 0
                      : filter == 1 ? left
                      : filter == 2 ? up
                      : filter == 3 ? (left + up) / 2
                                    : paeth(left, up, corner);
    out[i + 1] = static_cast<std::uint8_t>(row[i] - guess);
    sum += std::min<int>(out[i + 1], 256 - out[i + 1]);
  }
  return sum;
}

std::vector<std::uint8_t> filtered_rows(const Image& image) {
  const std::size_t channels = std::size_t(image.channels),
                    size = std::size_t(image.width) * channels;
  std::vector<std::uint8_t> rows, candidate(size + 1), best(size + 1);
  rows.reserve((size + 1) * std::size_t(image.height));
  const std::vector<std::uint8_t> black(size);
  const std::uint8_t* above = black.data();
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = &image.pixels[size * std::size_t(y)];
    std::int64_t least = filtered(0, row, above, size, channels, best.data());
    for (int filter = 1; filter <= 4; ++filter) {
      const std::int64_t sum = filtered(filter, row, above, size, channels, candidate.data());
      if (sum >= least) continue;
      least = sum;
      best.swap(candidate);
    }
    rows.insert(rows.end(), best.begin(), best.end());
    above = row;
  }
  return rows;
}

}  // namespace

std::vector<std::byte> png_of(const Image& image) {
  LOOKTWICE_CHECK(image.width > 0 && image.height > 0 &&
                  (image.channels == 1 || image.channels == 3));
  LOOKTWICE_CHECK(image.pixels.size() == std::size_t(image.width) * std::size_t(image.height) *
                                             std::size_t(image.channels));
  const std::vector<std::uint8_t> rows = filtered_rows(image);
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> deflater(
      libdeflate_alloc_compressor(6), libdeflate_free_compressor);
  if (!deflater) throw Error(Kind::internal, "out of memory");
  std::vector<std::uint8_t> packed(libdeflate_zlib_compress_bound(deflater.get(), rows.size()));
  packed.resize(libdeflate_zlib_compress(deflater.get(), rows.data(), rows.size(), packed.data(),
                                         packed.size()));

  std::vector<std::byte> file;
  for (const unsigned magic : {0x89u, 0x50u, 0x4eu, 0x47u, 0x0du, 0x0au, 0x1au, 0x0au})
    file.push_back(static_cast<std::byte>(magic));
  const auto be = [](int value, int shift) { return static_cast<std::uint8_t>(value >> shift); };
  const std::uint8_t header[13] = {be(image.width, 24),
                                   be(image.width, 16),
                                   be(image.width, 8),
                                   be(image.width, 0),
                                   be(image.height, 24),
                                   be(image.height, 16),
                                   be(image.height, 8),
                                   be(image.height, 0),
                                   8,
                                   static_cast<std::uint8_t>(image.channels == 3 ? 2 : 0)};
  append_chunk(file, "IHDR", header);
  append_chunk(file, "IDAT", packed);
  append_chunk(file, "IEND", {});
  return file;
}

}  // namespace looktwice::imaging
