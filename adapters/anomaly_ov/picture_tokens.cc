#include "adapters/anomaly_ov/picture_tokens.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "harness/core/error.h"

namespace looktwice::anomaly_ov {
namespace {

using at::Tensor;

// A newline token after each row: [rows][columns][hidden] -> [rows * (columns + 1)][hidden].
Tensor with_newlines(const Tensor& map, const Tensor& newline) {
  const std::int64_t rows = map.size(0), hidden = map.size(2);
  return at::cat({map, newline.view({1, 1, hidden}).expand({rows, 1, hidden})}, 1)
      .reshape({-1, hidden});
}

// Tiles row by row, each [side * side][hidden], as one map.
Tensor joined(const Tensor& tiles, std::int64_t rows, std::int64_t columns, std::int64_t side) {
  const std::int64_t hidden = tiles.size(2);
  return tiles.reshape({rows, columns, side, side, hidden})
      .permute({0, 2, 1, 3, 4})
      .reshape({rows * side, columns * side, hidden});
}

// Python's a // b of positive floats: the floor of the exact quotient, where a / b may have been
// rounded up to the next whole number (135 // (135 / 81) is 80).
std::int64_t floor_divided(double a, double b) {
  const double whole = (a - std::fmod(a, b)) / b;
  return static_cast<std::int64_t>(std::floor(whole + 0.5));
}

Tensor reduced(const Tensor& map, std::int64_t side, int most_tiles) {
  const auto rows = static_cast<double>(map.size(0)), columns = static_cast<double>(map.size(1));
  const double times = std::sqrt(rows * columns / (most_tiles * static_cast<double>(side * side)));
  if (most_tiles <= 0 || !(times > 1.1)) return map;
  const Tensor planes = map.permute({2, 0, 1}).unsqueeze(0);
  return at::upsample_bilinear2d(planes,
                                 {floor_divided(rows, times), floor_divided(columns, times)}, false)
      .squeeze(0)
      .permute({1, 2, 0});
}

}  // namespace

std::array<std::int32_t, 6> sentence_ids(double score) {
  // As PyTorch compares a float tensor with 0.3 and 0.7: the bounds are floats, too, and the float
  // next to 0.7, which is smaller than 0.7, is no longer below it. (In bfloat16, as the released
  // code runs, the upper bound is 0.69921875; our score is never rounded to that.)
  const auto rounded = static_cast<float>(score);
  const std::int32_t word = rounded < 0.3F ? 10078 : rounded < 0.7F ? 69251 : 7548;
  return {4197, word, 31327, 4419, 25, 220};
}

Tensor unpadded(const Tensor& map, imaging::Size size) {
  const std::int64_t rows = map.size(0), columns = map.size(1);
  const double width = size.width, height = size.height;
  if (width / height > static_cast<double>(columns) / static_cast<double>(rows)) {
    const auto used = static_cast<std::int64_t>(height * (static_cast<double>(columns) / width));
    const std::int64_t padding = (rows - used) / 2;
    return map.narrow(0, padding, rows - 2 * padding);
  }
  const auto used = static_cast<std::int64_t>(width * (static_cast<double>(rows) / height));
  const std::int64_t padding = (columns - used) / 2;
  return map.narrow(1, padding, columns - 2 * padding);
}

Tensor picture_tokens(const PictureParts& parts, const Tiles& tiles, int most_tiles) {
  const c10::InferenceMode inference;
  const std::int64_t count = parts.features.size(0), hidden = parts.features.size(2);
  const auto side = static_cast<std::int64_t>(
      std::lround(std::sqrt(static_cast<double>(parts.features.size(1)))));
  const bool with_expert = parts.local.defined();
  LOOKTWICE_CHECK(side * side == parts.features.size(1) &&
                  (!with_expert || parts.local.size(0) == count));
  const Tensor newline = parts.newline.view({1, hidden});
  if (count == 1 && !with_expert) return at::cat({parts.features[0], newline});
  if (count == 1)
    return at::cat(
        {parts.features[0], newline, parts.sentence, parts.global, parts.local[0], newline});
  const std::int64_t rows = tiles.rows(), columns = tiles.columns();
  LOOKTWICE_CHECK(rows * columns == count - 1);
  const Tensor map =
      unpadded(joined(parts.features.narrow(0, 1, count - 1), rows, columns, side), tiles.size);
  const Tensor tiled = with_newlines(reduced(map, side, most_tiles), newline);
  if (!with_expert) return at::cat({parts.features[0], tiled});
  const Tensor local = joined(parts.local.narrow(0, 1, count - 1), rows, columns, 2);
  return at::cat({parts.features[0], tiled, parts.sentence, parts.global, parts.local[0],
                  with_newlines(local, newline)});
}

}  // namespace looktwice::anomaly_ov
