#include "adapters/imaging/resize.h"

#include <algorithm>
#include <cstring>

#include "adapters/imaging/resize_rows.h"
#include "adapters/imaging/resize_taps.h"
#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

Image blank(int width, int height, int channels) {
  Image image{.width = width, .height = height, .channels = channels};
  image.pixels.resize(std::size_t(width) * std::size_t(height) * std::size_t(channels));
  return image;
}

std::size_t row_bytes(const Image& image) {
  return std::size_t(image.width) * std::size_t(image.channels);
}

Image cut(const Image& image, const Box& box, int width, int height) {
  Image out = blank(width, height, image.channels);
  const std::size_t first = std::size_t(box.left) * std::size_t(image.channels);
  for (int y = 0; y < height; ++y)
    std::copy_n(&image.pixels[(std::size_t(box.top) + std::size_t(y)) * row_bytes(image) + first],
                row_bytes(out), &out.pixels[std::size_t(y) * row_bytes(out)]);
  return out;
}

// Which input each output takes, -1 for none. The coordinate is added up step by step, as in
// Pillow, with its errors.
std::vector<int> nearest_inputs(int in_size, float begin, float end, int out_size) {
  const double step = static_cast<double>(end - begin) / out_size;
  double at = begin + step * 0.5;
  std::vector<int> inputs;
  for (int i = 0; i < out_size; ++i, at += step) {
    const int input = at < 0.0 ? -1 : static_cast<int>(at);
    inputs.push_back(input < in_size ? input : -1);
  }
  return inputs;
}

Image nearest_resized(const Image& image, int width, int height, const Box& box) {
  const std::vector<int> columns = nearest_inputs(image.width, box.left, box.right, width);
  const std::vector<int> rows = nearest_inputs(image.height, box.top, box.bottom, height);
  Image out = blank(width, height, image.channels);
  const std::size_t channels = std::size_t(image.channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int from_x = columns[std::size_t(x)], from_y = rows[std::size_t(y)];
      if (from_x < 0 || from_y < 0) continue;
      std::copy_n(
          &image.pixels[std::size_t(from_y) * row_bytes(image) + std::size_t(from_x) * channels],
          channels, &out.pixels[std::size_t(y) * row_bytes(out) + std::size_t(x) * channels]);
    }
  return out;
}

// Columns: a strip of rows is transposed, so that the weighted sum over columns is one over rows,
// and back again. A strip fills three of the widest vectors and stays in the second cache.
Image columns_resized(const Image& image, int first_row, int last_row, int width,
                      const Taps<TapPair>& taps) {
  const int height = last_row - first_row, channels = image.channels, strip_rows = 96 / channels;
  Image out = blank(width, height, channels);
  const std::size_t strip_bytes = std::size_t(strip_rows) * std::size_t(channels);
  std::vector<std::uint8_t> in_strip(strip_bytes * std::size_t(image.width));
  std::vector<std::uint8_t> out_strip(strip_bytes * std::size_t(width));
  const Isa isa = best_isa();
  for (int y = 0; y < height; y += strip_rows) {
    const int rows = std::min(strip_rows, height - y);
    transpose(&image.pixels[std::size_t(first_row + y) * row_bytes(image)], row_bytes(image),
              image.width, rows, channels, in_strip.data(), strip_bytes);
    for (std::size_t x = 0; x < std::size_t(width); ++x)
      weighted_rows(isa, &in_strip[std::size_t(taps.first[x]) * strip_bytes], strip_bytes,
                    strip_bytes, &taps.weight[x * std::size_t(taps.most)], taps.count[x],
                    &out_strip[x * strip_bytes]);
    transpose(out_strip.data(), strip_bytes, rows, width, channels,
              &out.pixels[std::size_t(y) * row_bytes(out)], row_bytes(out));
  }
  return out;
}

Image rows_resized(const Image& image, int skipped_rows, int height, const Taps<TapPair>& taps) {
  Image out = blank(image.width, height, image.channels);
  const std::size_t size = row_bytes(image);
  const Isa isa = best_isa();
  for (std::size_t y = 0; y < std::size_t(height); ++y)
    weighted_rows(isa, &image.pixels[std::size_t(taps.first[y] - skipped_rows) * size], size, size,
                  &taps.weight[y * std::size_t(taps.most)], taps.count[y], &out.pixels[y * size]);
  return out;
}

Image columns_resized_plain(const Image& image, int width, const Taps<TapPair>& taps) {
  Image out = blank(width, image.height, image.channels);
  const std::size_t channels = std::size_t(image.channels);
  for (std::size_t y = 0; y < std::size_t(image.height); ++y)
    for (std::size_t x = 0; x < std::size_t(width); ++x)
      weighted_rows(Isa::plain,
                    &image.pixels[y * row_bytes(image) + std::size_t(taps.first[x]) * channels],
                    channels, channels, &taps.weight[x * std::size_t(taps.most)], taps.count[x],
                    &out.pixels[y * row_bytes(out) + x * channels]);
  return out;
}

Image rows_resized_plain(const Image& image, int height, const Taps<TapPair>& taps) {
  Image out = blank(image.width, height, image.channels);
  const std::size_t size = row_bytes(image);
  for (std::size_t y = 0; y < std::size_t(height); ++y)
    weighted_rows(Isa::plain, &image.pixels[std::size_t(taps.first[y]) * size], size, size,
                  &taps.weight[y * std::size_t(taps.most)], taps.count[y], &out.pixels[y * size]);
  return out;
}

bool is_whole(float value) {
  return value == static_cast<float>(static_cast<int>(value));
}

// One call of Pillow's C function.
Image resized_once(const Image& image, int width, int height, Filter filter, const Box& box,
                   bool plain) {
  if (is_whole(box.left) && is_whole(box.top) &&
      box.right - box.left == static_cast<float>(width) &&
      box.bottom - box.top == static_cast<float>(height))
    return cut(image, box, width, height);
  if (filter == Filter::nearest) return nearest_resized(image, width, height, box);

  const bool columns =
      width != image.width || box.left != 0 || box.right != static_cast<float>(width);
  const bool rows =
      height != image.height || box.top != 0 || box.bottom != static_cast<float>(height);
  const auto column_taps = [&] {
    return rounded(taps_of(image.width, box.left, box.right, width, filter));
  };
  const Taps<TapPair> row_taps =
      rounded(taps_of(image.height, box.top, box.bottom, height, filter));
  if (plain) {
    const Image half = columns ? columns_resized_plain(image, width, column_taps()) : image;
    return rows ? rows_resized_plain(half, height, row_taps) : half;
  }
  if (!columns) return rows_resized(image, 0, height, row_taps);
  // Only the rows that the second pass will look at.
  const int first = row_taps.first.front(), last = row_taps.first.back() + row_taps.count.back();
  Image half = columns_resized(image, first, last, width, column_taps());
  return rows ? rows_resized(half, first, height, row_taps) : half;
}

Image resized_by(const Image& image, int width, int height, Filter filter, std::optional<Box> part,
                 bool plain) {
  LOOKTWICE_CHECK(width >= 1 && height >= 1 && image.width >= 1 && image.height >= 1);
  LOOKTWICE_CHECK(image.channels == 1 || image.channels == 3);
  LOOKTWICE_CHECK(image.pixels.size() == row_bytes(image) * std::size_t(image.height));
  const float in_width = static_cast<float>(image.width),
              in_height = static_cast<float>(image.height);
  const Box box = part.value_or(Box{0, 0, in_width, in_height});
  LOOKTWICE_CHECK(box.left >= 0 && box.top >= 0 && box.right <= in_width &&
                  box.bottom <= in_height);
  LOOKTWICE_CHECK(box.left < box.right && box.top < box.bottom);
  // Pillow takes very tall pictures in two calls, rows first, to keep the picture in between small.
  if (std::int64_t{image.height} > std::int64_t{image.width} * 100 && height < image.height) {
    const Image low =
        resized_once(image, image.width, height, filter, {0, box.top, in_width, box.bottom}, plain);
    return resized_once(low, width, height, filter,
                        {box.left, 0, box.right, static_cast<float>(height)}, plain);
  }
  return resized_once(image, width, height, filter, box, plain);
}

}  // namespace

Image resized(const Image& image, int width, int height, Filter filter, std::optional<Box> box) {
  return resized_by(image, width, height, filter, box, false);
}

Image resized_plain(const Image& image, int width, int height, Filter filter,
                    std::optional<Box> box) {
  return resized_by(image, width, height, filter, box, true);
}

std::vector<float> resized(std::span<const float> map, int map_width, int map_height, int width,
                           int height, Filter filter) {
  LOOKTWICE_CHECK(width >= 1 && height >= 1 && map_width >= 1 && map_height >= 1 &&
                  filter != Filter::nearest);
  LOOKTWICE_CHECK(map.size() == std::size_t(map_width) * std::size_t(map_height));
  // out[i][o] = sum over taps of in[...]: one pass along an axis of `size`, steps in elements.
  const auto pass = [filter](std::span<const float> in, int lines, std::size_t line_step, int size,
                             std::size_t step, int out_size, std::size_t out_line_step,
                             std::size_t out_step) {
    const Taps<double> taps = taps_of(size, 0, static_cast<float>(size), out_size, filter);
    std::vector<float> out(std::size_t(lines) * std::size_t(out_size));
    for (std::size_t line = 0; line < std::size_t(lines); ++line)
      for (std::size_t o = 0; o < std::size_t(out_size); ++o) {
        double sum = 0;
        for (std::size_t j = 0; j < std::size_t(taps.count[o]); ++j)
          sum +=
              static_cast<double>(in[line * line_step + (std::size_t(taps.first[o]) + j) * step]) *
              taps.weight[o * std::size_t(taps.most) + j];
        out[line * out_line_step + o * out_step] = static_cast<float>(sum);
      }
    return out;
  };
  std::vector<float> half(map.begin(), map.end());
  if (width != map_width)
    half =
        pass(map, map_height, std::size_t(map_width), map_width, 1, width, std::size_t(width), 1);
  if (height == map_height) return half;
  return pass(half, width, 1, map_height, std::size_t(width), height, 1, std::size_t(width));
}

}  // namespace looktwice::imaging
