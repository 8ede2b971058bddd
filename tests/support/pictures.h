// Small pictures and their files without a real decoder: binary PGM and PPM.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "harness/core/error.h"
#include "harness/core/image.h"

namespace looktwice::testing {

// A folder that is gone with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "looktwice_test_XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file below the folder, with its parents.
  std::filesystem::path file(const std::string& name, std::string_view content) const {
    std::filesystem::path path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    return path;
  }

 private:
  std::filesystem::path path_;
};

inline std::string netpbm_of(const Image& image) {
  std::ostringstream out;
  out << (image.channels == 3 ? "P6\n" : "P5\n") << image.width << ' ' << image.height << "\n255\n";
  out.write(reinterpret_cast<const char*>(image.pixels.data()),
            static_cast<std::streamsize>(image.pixels.size()));
  return out.str();
}

class NetpbmCodec final : public ImageCodec {
 public:
  ImageInfo info(std::span<const std::byte> file) const override {
    const Image image = decode_any(file);
    return {.width = image.width,
            .height = image.height,
            .channels = image.channels,
            .bits = 8,
            .format = "netpbm"};
  }

  Image decode(std::span<const std::byte> file) const override {
    Image image = decode_any(file);
    if (image.channels == 3) return image;
    Image rgb{.width = image.width, .height = image.height, .channels = 3};
    for (const std::uint8_t value : image.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, value);
    return rgb;
  }

  Image decode_mask(std::span<const std::byte> file) const override { return decode_any(file); }

  std::vector<std::byte> encode_png(const Image& image) const override {
    const std::string text = netpbm_of(image);
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return {bytes, bytes + text.size()};
  }

  // Nearest pixels: no reference for anything but sizes.
  Image resized(const Image& image, int width, int height) const override {
    Image made{.width = width, .height = height, .channels = image.channels};
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < image.channels; ++c)
          made.pixels.push_back(
              image.pixels[(static_cast<std::size_t>(y * image.height / height) * image.width +
                            static_cast<std::size_t>(x * image.width / width)) *
                               image.channels +
                           c]);
    return made;
  }

 private:
  static Image decode_any(std::span<const std::byte> file) {
    std::istringstream in(std::string(reinterpret_cast<const char*>(file.data()), file.size()));
    std::string magic;
    Image image;
    int largest = 0;
    in >> magic >> image.width >> image.height >> largest;
    if (!in || (magic != "P5" && magic != "P6") || image.width < 1 || image.height < 1 ||
        image.width > 10000 || image.height > 10000 || largest != 255)
      throw Error(Kind::data, "not a PGM or PPM picture");
    in.get();
    image.channels = magic == "P6" ? 3 : 1;
    image.pixels.resize(static_cast<std::size_t>(image.width) * image.height * image.channels);
    in.read(reinterpret_cast<char*>(image.pixels.data()),
            static_cast<std::streamsize>(image.pixels.size()));
    if (!in) throw Error(Kind::data, "the picture ends early");
    return image;
  }
};

// A grey ramp that differs with `seed`, written as a PPM file of that name.
inline std::filesystem::path ramp_picture(const TemporaryFolder& folder, const std::string& name,
                                          int width, int height, int seed) {
  Image image{.width = width, .height = height, .channels = 3};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(
            static_cast<std::uint8_t>((x * 7 + y * 3 + c * 11 + seed * 29) % 251));
  return folder.file(name, netpbm_of(image));
}

}  // namespace looktwice::testing
