// Files that are small and claim much: each is refused in a child process that has 2 s of processor
// and 256 MB.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>

#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;
using test::kSanitized;

using File = std::vector<std::byte>;

File file_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::string text_of(const File& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

std::string be32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string le32(std::uint32_t value) {
  const std::string big = be32(value);
  return {big.rbegin(), big.rend()};
}

std::string le16(std::uint32_t value) {
  return le32(value).substr(0, 2);
}

std::string chunk(const std::string& name, const std::string& data) {
  const std::string summed = name + data;
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(summed.data()), summed.size());
  return be32(static_cast<std::uint32_t>(data.size())) + summed +
         be32(static_cast<std::uint32_t>(sum));
}

std::string packed(const std::string& data) {
  uLongf size = compressBound(data.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size,
            reinterpret_cast<const Bytef*>(data.data()), data.size(), 9);
  out.resize(size);
  return out;
}

std::string png_header(std::uint32_t width, std::uint32_t height, int bits, int colour) {
  const std::string rest = {static_cast<char>(bits), static_cast<char>(colour), 0, 0, 0};
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", be32(width) + be32(height) + rest);
}

File png(std::uint32_t width, std::uint32_t height, int bits, int colour, const std::string& before,
         const std::string& data) {
  return file_of(png_header(width, height, bits, colour) + before + chunk("IDAT", data) +
                 chunk("IEND", ""));
}

// A JPEG with another size in its frame header.
File resized_jpeg(const std::string& name, int width, int height) {
  std::string text = text_of(bytes_of(data_path("fixtures/image/files/" + name)));
  std::size_t frame = text.find("\xff\xc0");
  if (frame == std::string::npos) frame = text.find("\xff\xc2");
  text[frame + 5] = static_cast<char>(height >> 8);
  text[frame + 6] = static_cast<char>(height);
  text[frame + 7] = static_cast<char>(width >> 8);
  text[frame + 8] = static_cast<char>(width);
  return file_of(text);
}

File many_scans(int width, int height, int scans) {
  const std::string text = text_of(resized_jpeg("q60_420_progressive.jpg", width, height));
  const std::size_t last = text.rfind("\xff\xda"), end = text.rfind("\xff\xd9");
  std::string out = text.substr(0, end);
  for (int i = 0; i < scans; ++i) out += text.substr(last, end - last);
  return file_of(out + "\xff\xd9");
}

std::string tiff_tag(std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                     std::uint32_t value) {
  return le16(tag) + le16(type) + le32(count) + le32(value);
}

File tiff(std::uint32_t width, std::uint32_t height, std::uint32_t compression,
          const std::vector<std::string>& layout, std::uint32_t next = 0) {
  std::vector<std::string> tags = {tiff_tag(256, 4, 1, width), tiff_tag(257, 4, 1, height),
                                   tiff_tag(258, 3, 1, 8), tiff_tag(259, 3, 1, compression),
                                   tiff_tag(262, 3, 1, 1)};
  tags.insert(tags.end(), layout.begin(), layout.end());
  std::string text =
      "II*" + std::string(1, '\0') + le32(8) + le16(static_cast<std::uint32_t>(tags.size()));
  for (const std::string& tag : tags) text += tag;
  return file_of(text + le32(next) + std::string(300, '\1'));
}

File bmp(std::uint32_t width, std::uint32_t height, std::uint32_t bits, std::uint32_t compression,
         const std::string& data) {
  const std::string palette(bits == 8 ? 1024 : 0, '\7');
  const std::uint32_t offset = 54 + static_cast<std::uint32_t>(palette.size());
  return file_of("BM" + le32(offset) + le32(0) + le32(offset) + le32(40) + le32(width) +
                 le32(height) + le16(1) + le16(bits) + le32(compression) + std::string(20, '\0') +
                 palette + data);
}

struct Bomb {
  const char* name = "";
  File file = {};
};

std::vector<Bomb> bombs() {
  const std::string row(30, '\0'), rows = packed(row);
  const std::string zeros = packed(std::string(std::size_t{64} << 20, '\0'));
  const std::string just_fits = packed(std::string((1 << 20) - 1, 'a'));
  std::string much_text;
  for (int i = 0; i < 80; ++i) much_text += chunk("zTXt", std::string("k\0\0", 3) + just_fits);
  const auto strips = [](std::uint32_t count, std::uint32_t rows_each) {
    return std::vector<std::string>{tiff_tag(273, 4, count, 8), tiff_tag(278, 4, 1, rows_each),
                                    tiff_tag(279, 4, count, 100)};
  };
  const auto tiles = [](std::uint32_t width, std::uint32_t height) {
    return std::vector<std::string>{tiff_tag(322, 4, 1, width), tiff_tag(323, 4, 1, height),
                                    tiff_tag(324, 4, 1, 8), tiff_tag(325, 4, 1, 100)};
  };
  std::vector<Bomb> list = {
      {"JPEG of 65,500 x 65,500", resized_jpeg("q75_420.jpg", 65500, 65500)},
      {"grey JPEG of 13,000 x 13,000 without its data", resized_jpeg("gray.jpg", 13000, 13000)},
      {"progressive JPEG of 13,000 x 13,000 without its data",
       resized_jpeg("q60_420_progressive.jpg", 13000, 13000)},
      {"JPEG of 1,000 scans", many_scans(101, 67, 1000)},
      {"JPEG of 1,000 scans over 4,000 x 4,000", many_scans(4000, 4000, 1000)},
      {"PNG of 50,000 x 50,000 bits", png(50000, 50000, 1, 0, "", rows)},
      {"PNG of 2^31 x 2^31", png(0x7fffffff, 0x7fffffff, 8, 2, "", rows)},
      {"PNG of 178,956,970 x 1 without its data", png(178956970, 1, 16, 6, "", rows)},
      {"PNG of 13,000 x 13,000 without its data", png(13000, 13000, 8, 2, "", rows)},
      {"PNG of 9,000 x 9,000 zeros",
       png(9000, 9000, 8, 0, "", packed(std::string(9001ul * 9000, '\0')))},
      {"PNG with a profile of 64 MiB",
       png(2, 2, 8, 0, chunk("iCCP", std::string("p\0\0", 3) + zeros), rows)},
      {"PNG with a text of 64 MiB",
       png(2, 2, 8, 0, chunk("zTXt", std::string("k\0\0", 3) + zeros), rows)},
      {"PNG with UTF-8 of 64 MiB",
       png(2, 2, 8, 0, chunk("iTXt", std::string("k\0\1\0\0\0", 6) + zeros), rows)},
      {"PNG with 80 texts of 1 MiB", png(2, 2, 8, 0, much_text, rows)},
      {"PNG whose chunk claims 4 GiB", file_of(png_header(2, 2, 8, 0) + "\xff\xff\xff\xfftEXt")},
      {"TIFF of 65,535 x 65,535", tiff(65535, 65535, 1, strips(1, 65535))},
      {"TIFF of 13,000 x 13,000 without its data", tiff(13000, 13000, 1, strips(1, 13000))},
      {"packed TIFF of 13,000 x 13,000 without its data", tiff(13000, 13000, 8, strips(1, 13000))},
      {"TIFF of 4,000 x 4,000 that is cut off", tiff(4000, 4000, 8, strips(1, 4000))},
      {"TIFF of 2^32 - 1 strips", tiff(4000, 4000, 8, strips(0xffffffff, 1))},
      {"TIFF of tiles of 2^31 x 16", tiff(64, 64, 8, tiles(0x80000000, 16))},
      {"TIFF of one tile of 60,000 x 60,000", tiff(64, 64, 8, tiles(60000, 60000))},
      {"TIFF whose directory is its own next and has no data", tiff(64, 64, 8, {}, 8)},
      {"TIFF whose first directory is its header", file_of(std::string("II*\0\0\0\0\0", 8))},
      {"TIFF of a tag of 4 GiB", tiff(64, 64, 1, {tiff_tag(700, 1, 0xffffffff, 8)})},
      {"BigTIFF of 2^64 - 1 tags",
       file_of(std::string("II+\0\10\0\0\0\20\0\0\0\0\0\0\0", 16) + std::string(64, '\xff'))},
      {"BMP of 60,000 x 60,000", bmp(60000, 60000, 24, 0, "x")},
      {"BMP of 13,000 x 13,000 without its data", bmp(13000, 13000, 24, 0, "x")},
      {"BMP of run lengths that end at once", bmp(13000, 13000, 8, 1, std::string("\0\1", 2))},
      {"WebP of 16,383 x 16,383",
       file_of("RIFF" + le32(60) + "WEBPVP8X" + le32(10) + std::string(4, '\0') +
               std::string("\xfe\x3f\0\xfe\x3f\0", 6) + std::string(40, '\0'))},
  };
  std::string deltas;
  for (int i = 0; i < 100000; ++i) deltas += std::string("\0\2\xff\xff", 4);
  list.push_back({"BMP of deltas", bmp(13000, 13000, 8, 1, deltas.substr(0, 200))});
  return list;
}

// What the child says with its exit code.
enum Ending { kRefused = 10, kDecoded = 11, kOutOfMemory = 12, kOtherError = 13 };

int ending_of(const std::function<void()>& decode) {
  try {
    decode();
    return kDecoded;
  } catch (const Error& error) {
    return error.kind() == Kind::data ? kRefused : kOtherError;
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  } catch (...) {
    return kOtherError;
  }
}

void expect_refusal_in_child(const Bomb& bomb, const char* how,
                             const std::function<void()>& decode) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit memory = {256u << 20, 256u << 20}, seconds = {2, 2}, no_core = {0, 0};
    if (!kSanitized) {
      setrlimit(RLIMIT_DATA, &memory);
      setrlimit(RLIMIT_CPU, &seconds);
    }
    setrlimit(RLIMIT_CORE, &no_core);
    _exit(ending_of(decode));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_FALSE(WIFSIGNALED(status)) << bomb.name << ", " << how << ": signal " << WTERMSIG(status);
  // Without the limits, which sanitizers cannot live under, what is only large comes out well.
  if (kSanitized && WEXITSTATUS(status) == kDecoded) return;
  EXPECT_EQ(WEXITSTATUS(status), kRefused)
      << bomb.name << ", " << how << " (11: decoded, 12: out of memory)";
}

TEST(Bomb, EachIsRefusedWithinTwoSecondsAnd256MB) {
  const auto codec = make_codec();
  std::vector<Bomb> list = bombs();
  EXPECT_EQ(list.size(), 31u);
  for (const Bomb& bomb : list) {
    expect_refusal_in_child(bomb, "decode", [&] { codec->decode(bomb.file); });
    expect_refusal_in_child(bomb, "decode_mask", [&] {
      // A mask needs a third of the memory, so what is only large may come out well.
      codec->decode_mask(bomb.file);
      throw Error(Kind::data, "decoded");
    });
  }
}

TEST(Bomb, AHundredScansAreStillRead) {
  const auto codec = make_codec();
  EXPECT_EQ(codec->decode(many_scans(101, 67, 80)).width, 101);
  EXPECT_THROW(make_codec({.max_jpeg_scans = 20})->decode(many_scans(101, 67, 80)), Error);
}

}  // namespace
}  // namespace looktwice::imaging
