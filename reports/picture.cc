#include "reports/picture.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "harness/core/npy.h"
#include "reports/inferno.h"

namespace looktwice::reports {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestPicture = std::uintmax_t{256} << 20;  // bytes of one file
constexpr std::uintmax_t kLargestMap = std::uintmax_t{256} << 20;

std::pair<int, int> fitted(int width, int height, int side) {
  const int longest = std::max(width, height);
  if (longest <= side) return {width, height};
  const auto scaled = [&](int length) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(length) * side / longest)));
  };
  return {scaled(width), scaled(height)};
}

// The pixels [first, second) of a line of `from` that pixel i of a line of `to` stands for; at
// least one.
std::pair<int, int> area(int i, int from, int to) {
  const auto at = [&](int place) {
    return static_cast<int>(static_cast<std::int64_t>(place) * from / to);
  };
  return {at(i), std::max(at(i + 1), at(i) + 1)};
}

std::size_t index(int x, int y, int width) {
  return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
         static_cast<std::size_t>(x);
}

// The map at a place between its cells' centres; x and y in [0, 1].
float bilinear(const AnomalyMap& map, double x, double y) {
  const auto split = [](double place, int length) {
    const double at = std::clamp(place * length - 0.5, 0.0, length - 1.0);
    const int low = std::min(static_cast<int>(at), length - 1);
    return std::tuple(low, std::min(low + 1, length - 1), at - low);
  };
  const auto [left, right, dx] = split(x, map.width);
  const auto [top, bottom, dy] = split(y, map.height);
  const auto value = [&](int column, int row) {
    return static_cast<double>(map.values[index(column, row, map.width)]);
  };
  const double above = value(left, top) * (1 - dx) + value(right, top) * dx;
  const double below = value(left, bottom) * (1 - dx) + value(right, bottom) * dx;
  return static_cast<float>(above * (1 - dy) + below * dy);
}

int luminance(const Image& image, std::size_t pixel) {
  if (image.channels == 1) return image.pixels[pixel];
  const std::uint8_t* p = &image.pixels[3 * pixel];
  return (299 * p[0] + 587 * p[1] + 114 * p[2]) / 1000;
}

std::string base64(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? std::to_integer<unsigned>(bytes[i + k]) : 0u;
    };
    const unsigned triple = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kDigits[triple >> 18];
    text += kDigits[triple >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[triple >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[triple & 63] : '=';
  }
  return text;
}

bool is_within(const Region& region, const Image& image) {
  return region.x >= 0 && region.y >= 0 && region.width > 0 && region.height > 0 &&
         region.x < image.width && region.y < image.height;
}

void add_picture(SamplePicture& shown, const Outcome& outcome, const fs::path& root,
                 const ImageCodec& codec, int side) {
  const auto file = file_beneath(root, outcome.image);
  if (!file) {
    shown.problem = "its picture lies outside the data set";
    return;
  }
  Image image = codec.decode(file_bytes(*file, kLargestPicture));
  if (outcome.region) {
    if (!is_within(*outcome.region, image)) {
      shown.problem = "its part lies outside the picture";
      return;
    }
    Region region = *outcome.region;  // may reach over the edge: the last strip is narrower
    region.width = std::min(region.width, image.width - region.x);
    region.height = std::min(region.height, image.height - region.y);
    image = crop(image, region);
  }
  shown.picture = without_needless_colour(downscaled(image, side));
}

AnomalyMap map_in(const fs::path& file) {
  return anomaly_map(npy_array(file_bytes(file, kLargestMap)));
}

void add_map(SamplePicture& shown, const Outcome& outcome, const fs::path& run, int side) {
  if (outcome.map.empty()) return;
  const auto file = file_beneath(run, outcome.map);
  if (!file) {
    shown.problem = "its map lies outside the run folder";
    return;
  }
  const AnomalyMap map = map_in(*file);
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  shown.low = *low;
  shown.high = *high;
  shown.map = downscaled(map, side);
}

}  // namespace

Image downscaled(const Image& image, int side) {
  const auto [width, height] = fitted(image.width, image.height, side);
  if (width == image.width && height == image.height) return image;
  Image small{.width = width, .height = height, .channels = image.channels};
  small.pixels.reserve(index(0, height, width) * static_cast<std::size_t>(image.channels));
  for (int y = 0; y < height; ++y) {
    const auto [top, bottom] = area(y, image.height, height);
    for (int x = 0; x < width; ++x) {
      const auto [left, right] = area(x, image.width, width);
      for (int c = 0; c < image.channels; ++c) {
        std::int64_t sum = 0;
        for (int row = top; row < bottom; ++row)
          for (int column = left; column < right; ++column)
            sum += image.pixels[index(column, row, image.width) *
                                    static_cast<std::size_t>(image.channels) +
                                static_cast<std::size_t>(c)];
        const std::int64_t count = static_cast<std::int64_t>(bottom - top) * (right - left);
        small.pixels.push_back(static_cast<std::uint8_t>((sum + count / 2) / count));
      }
    }
  }
  return small;
}

AnomalyMap downscaled(const AnomalyMap& map, int side) {
  const auto [width, height] = fitted(map.width, map.height, side);
  if (width == map.width && height == map.height) return map;
  AnomalyMap small{.width = width, .height = height};
  for (int y = 0; y < height; ++y) {
    const auto [top, bottom] = area(y, map.height, height);
    for (int x = 0; x < width; ++x) {
      const auto [left, right] = area(x, map.width, width);
      float largest = map.values[index(left, top, map.width)];
      for (int row = top; row < bottom; ++row)
        for (int column = left; column < right; ++column)
          largest = std::max(largest, map.values[index(column, row, map.width)]);
      small.values.push_back(largest);
    }
  }
  return small;
}

Image overlaid(const Image& picture, const AnomalyMap& map, float low, float high) {
  Image out{.width = picture.width, .height = picture.height, .channels = 3};
  out.pixels.reserve(3 * index(0, picture.height, picture.width));
  const double range = static_cast<double>(high) - low;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const double value = bilinear(map, (x + 0.5) / picture.width, (y + 0.5) / picture.height);
      const double share = range > 0 ? std::clamp((value - low) / range, 0.0, 1.0) : 0.0;
      const Colour& colour = kInferno[static_cast<std::size_t>(std::lround(255 * share))];
      const int grey = luminance(picture, index(x, y, picture.width));
      // The higher the value, the less of the picture: what is low stays recognisable.
      const double cover = 0.35 + 0.45 * share;
      for (const std::uint8_t part : colour)
        out.pixels.push_back(
            static_cast<std::uint8_t>(std::lround(part * cover + grey * (1 - cover))));
    }
  return out;
}

Image without_needless_colour(const Image& image) {
  if (image.channels != 3) return image;
  Image grey{.width = image.width, .height = image.height, .channels = 1};
  grey.pixels.reserve(image.pixels.size() / 3);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2])
      return image;
    grey.pixels.push_back(image.pixels[i]);
  }
  return grey;
}

std::string data_url(const ImageCodec& codec, const Image& image) {
  return "data:image/png;base64," + base64(codec.encode_png(image));
}

std::optional<fs::path> file_beneath(const fs::path& folder, const std::string& name) {
  const fs::path relative(name);
  if (name.empty() || relative.is_absolute()) return {};
  for (const fs::path& part : relative)
    if (part == "..") return {};
  std::error_code failed;
  const fs::path root = fs::weakly_canonical(folder, failed);
  if (failed) return {};
  const fs::path file = fs::weakly_canonical(root / relative, failed);
  if (failed) return {};
  const auto [end, ignored] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  return end == root.end() ? std::optional(file) : std::nullopt;
}

SamplePicture sample_picture(const Outcome& outcome, const fs::path& root, const fs::path& run,
                             const ImageCodec& codec, int side) {
  SamplePicture shown;
  try {
    add_picture(shown, outcome, root, codec, side);
    if (shown.picture) add_map(shown, outcome, run, side);
  } catch (const std::exception& error) {
    shown.problem = error.what();
  }
  return shown;
}

std::optional<std::pair<float, float>> map_range(const Outcome& outcome, const fs::path& run) try {
  const auto file = file_beneath(run, outcome.map);
  if (!file) return {};
  const AnomalyMap map = map_in(*file);
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  return std::pair{*low, *high};
} catch (const std::exception&) {
  return {};
}

}  // namespace looktwice::reports
