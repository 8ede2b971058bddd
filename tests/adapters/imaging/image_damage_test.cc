// Cut and damaged files: refused where Pillow refuses, the same pixels where it does not, never a
// crash.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;

std::uint32_t crc32(std::span<const std::uint8_t> data, std::uint32_t before) {
  std::uint32_t sum = ~before;
  for (const std::uint8_t byte : data) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1)));
  }
  return ~sum;
}

// "-" when refused, else a sum over size and pixels; as scripts/golden/damage_golden.py.
std::string verdict(const ImageCodec& codec, std::span<const std::byte> file) {
  try {
    const Image image = codec.decode(file);
    const std::string size = std::to_string(image.width) + "x" + std::to_string(image.height);
    const std::uint32_t start =
        crc32(std::span(reinterpret_cast<const std::uint8_t*>(size.data()), size.size()), 0);
    char text[9];
    std::snprintf(text, sizeof text, "%08x", crc32(image.pixels, start));
    return text;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data) << error.what();
    return "-";
  }
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }

 private:
  std::uint64_t state_;
};

std::vector<std::byte> damaged(std::vector<std::byte> file, std::uint64_t number) {
  Generator random(number);
  for (std::uint64_t left = 1 + random.next() % 3; left > 0; --left) {
    std::byte& byte = file[random.next() % file.size()];
    byte ^= static_cast<std::byte>(1 + random.next() % 255);
  }
  return file;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::vector<nlohmann::json> golden_cases() {
  std::ifstream in(data_path("image/damage_golden.json"));
  return nlohmann::json::parse(in).at("cases");
}

// Of the fixtures, or of our own modes.
std::filesystem::path whole_file(const std::string& name) {
  return data_path((name.starts_with("files/") ? "fixtures/image/" : "image/") + name);
}

TEST(Damage, FilesCutAtEveryPercentEqualPillow) {
  const auto codec = make_codec();
  for (const auto& wanted : golden_cases()) {
    const auto file = bytes_of(whole_file(wanted.at("file")));
    const std::vector<std::string> expected = words_of(wanted.at("cuts"));
    for (std::size_t percent = 0; percent < 100; ++percent)
      EXPECT_EQ(verdict(*codec, std::span(file).first(file.size() * percent / 100)),
                expected[percent])
          << wanted.at("file") << " cut at " << percent << " %";
  }
}

// Pillow reads unpacked strips to the length they should have; libtiff believes the lengths that
// the file states.
const std::set<std::pair<std::string, std::size_t>> kKnownDifferences = {
    {"modes/tiff/rgb8_le.tif", 12}, {"modes/tiff/rgb8_le.tif", 20}};

TEST(Damage, ChangedBytesEqualPillow) {
  const auto codec = make_codec({.max_pixels = 4'000'000});
  for (const auto& wanted : golden_cases()) {
    const auto file = bytes_of(whole_file(wanted.at("file")));
    const std::vector<std::string> expected = words_of(wanted.at("changes"));
    for (std::size_t number = 0; number < expected.size(); ++number) {
      if (kKnownDifferences.contains({wanted.at("file"), number})) continue;
      EXPECT_EQ(verdict(*codec, damaged(file, number)), expected[number])
          << wanted.at("file") << ", change " << number;
    }
  }
}

}  // namespace
}  // namespace looktwice::imaging
