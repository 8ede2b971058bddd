#include "adapters/imaging/normalise.h"

#include <algorithm>

#include "adapters/imaging/raster.h"
#include "harness/core/error.h"

namespace looktwice::imaging {

ValueTable value_table(const Normalisation& normalisation) {
  ValueTable table;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto scaled = static_cast<float>(static_cast<double>(byte) * (1.0 / 255.0));
      const float centred = scaled - normalisation.mean[c];
      table[c][byte] = centred / normalisation.std[c];
    }
  return table;
}

void normalise(const Image& image, const ValueTable& table, std::span<float> values) {
  const std::size_t pixels = std::size_t(image.width) * std::size_t(image.height);
  LOOKTWICE_CHECK(image.channels == 1 || image.channels == 3);
  LOOKTWICE_CHECK(image.pixels.size() == pixels * std::size_t(image.channels) &&
                  values.size() == 3 * pixels);
  const std::uint8_t* in = image.pixels.data();
  float* out[3] = {values.data(), values.data() + pixels, values.data() + 2 * pixels};
  if (image.channels == 3) {
    for (std::size_t i = 0; i < pixels; ++i, in += 3)
      for (std::size_t c = 0; c < 3; ++c) out[c][i] = table[c][in[c]];
    return;
  }
  for (std::size_t c = 0; c < 3; ++c) {
    if (c > 0 && table[c] == table[0]) {
      std::copy_n(out[0], pixels, out[c]);
    } else {
      for (std::size_t i = 0; i < pixels; ++i) out[c][i] = table[c][in[i]];
    }
  }
}

Size shortest_edge_size(int width, int height, int edge) {
  const auto longer = [edge](int long_side, int short_side) {
    // Python: int(edge * long / short), a division of integers in double.
    return static_cast<int>(static_cast<double>(std::int64_t{edge} * long_side) / short_side);
  };
  if (width <= height) return {edge, longer(height, width)};
  return {longer(width, height), edge};
}

Image centre_crop(const Image& image, int width, int height) {
  LOOKTWICE_CHECK(width <= image.width && height <= image.height);
  return crop(image, {(image.width - width) / 2, (image.height - height) / 2, width, height});
}

void prepare(std::span<const std::byte> file, const Preparation& preparation,
             std::span<float> values) {
  Raster raster = decode_raster(as_bytes(file), {}, Use::picture);
  Image image;
  if (raster.channels == 1 && !raster.indexed) {
    image = {.width = raster.width,
             .height = raster.height,
             .channels = 1,
             .pixels = std::move(raster.pixels)};
  } else {
    image = rgb_of(std::move(raster));
  }
  normalise(resized(image, preparation.width, preparation.height, preparation.filter),
            value_table(preparation.normalisation), values);
}

}  // namespace looktwice::imaging
