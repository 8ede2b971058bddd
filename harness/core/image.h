// Pictures: decoded pixels, the file they come from, and the decoder as everybody but
// adapters/imaging sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace looktwice {

// pixels[height][width][channels], 8 bits; 3 channels are R, G, B; 1 is grey or a mask.
struct Image {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels = {};
};

// In pixels, from the top left corner.
struct Region {
  int x = 0, y = 0, width = 0, height = 0;
};

// Where a picture lies; with a region, that part of it only (clipped to the picture).
struct ImageFile {
  std::filesystem::path path = {};
  std::optional<Region> region = {};
};

// What a protocol does to a picture before the model's own preprocessing.
struct PictureRule {
  // Larger pictures are shrunk until their longer side has so many pixels; the other side is
  // truncated, a square counts as tall. Bicubic, as Pillow's resize. 0: as they are.
  int longest_side = 0;
};

// What a header tells without decoding.
struct ImageInfo {
  int width = 0, height = 0, channels = 0, bits = 0;
  std::string format = {};   // "png", "jpeg", "bmp", "tiff", "webp"
  int exif_orientation = 1;  // 1..8; noted, never applied
};

// Decodes and encodes pictures. All calls throw Error{Kind::data} whose text does not name the
// file: the caller knows it. Thread-safe. Implemented by adapters/imaging.
class ImageCodec {
 public:
  virtual ~ImageCodec() = default;
  virtual ImageInfo info(std::span<const std::byte> file) const = 0;
  // RGB, as Pillow's Image.open(f).convert("RGB") gives it.
  virtual Image decode(std::span<const std::byte> file) const = 0;
  // One channel: grey value, palette index or largest of the colour channels; 16-bit values
  // saturate at 255; alpha is ignored. Non-zero means anomalous.
  virtual Image decode_mask(std::span<const std::byte> file) const = 0;
  virtual std::vector<std::byte> encode_png(const Image& image) const = 0;
  // Bicubic, the bytes of Pillow's Image.resize. width, height >= 1.
  virtual Image resized(const Image& image, int width, int height) const = 0;
};

// Reads a whole regular file. Refuses directories, FIFOs, devices and files over max_bytes
// (Kind::data, names the path);
// a file that opens and cannot be read is Kind::disk.
std::vector<std::byte> file_bytes(const std::filesystem::path& path,
                                  std::uintmax_t max_bytes = std::uintmax_t{1} << 30);

Image crop(const Image& image, Region region);
// By the rule; the same picture where it changes nothing.
Image prepared(Image image, const PictureRule& rule, const ImageCodec& codec);

// What is done to a picture before anything else, marks drawn on it for example. The same pixels
// each time; thread-safe.
class PictureChange {
 public:
  virtual ~PictureChange() = default;
  virtual Image changed(Image picture) const = 0;  // RGB
  // What tells it from other changes of the same picture: goes into hashes, never to a model.
  virtual std::string name() const = 0;
};

// A picture as a request carries it: its pixels can be had, its path cannot, since folders tell the
// defect.
class Picture {
 public:
  Picture() = default;
  Picture(std::string name, ImageFile file, std::shared_ptr<const ImageCodec> codec,
          PictureRule rule = {}, std::shared_ptr<const PictureChange> change = {});

  bool empty() const { return name_.empty(); }
  // Neutral: a hash and the suffix, the same for the same file in every run ("3f9a...e1.png").
  const std::string& name() const { return name_; }
  // The encoded file; a region, what is changed and what a rule shrinks, as PNG.
  std::vector<std::byte> bytes() const;
  // RGB pixels, cut, changed and shrunk.
  Image decode() const;

 private:
  std::string name_;
  ImageFile file_;
  PictureRule rule_;
  std::shared_ptr<const ImageCodec> codec_;
  std::shared_ptr<const PictureChange> change_;
};

}  // namespace looktwice
