// Bytes to the values that a vision model was trained on, and the small steps around them that
// processors do. value = (float32(double(byte) * (1 / 255)) - mean) / std, the last two in float32.
// Source: transformers 4.40 and 4.51, image_transforms.rescale and normalize, which
// Anomaly-OneVision and Qwen2.5-VL go through.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "adapters/imaging/resize.h"
#include "harness/core/image.h"

namespace looktwice::imaging {

struct Normalisation {
  std::array<float, 3> mean = {}, std = {};  // of R, G, B
};

inline constexpr Normalisation kSiglip = {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
// Qwen2-VL and Qwen2.5-VL take these too.
inline constexpr Normalisation kClip = {{0.48145466f, 0.4578275f, 0.40821073f},
                                        {0.26862954f, 0.26130258f, 0.27577711f}};

// [channel][byte]
using ValueTable = std::array<std::array<float, 256>, 3>;
ValueTable value_table(const Normalisation& normalisation);

// values[3][height][width] from an image of 3 channels, or of 1, which stands for three equal ones.
void normalise(const Image& image, const ValueTable& table, std::span<float> values);

// The size at which the shorter side is `edge`: the longer one is int(edge * long / short), as in
// transformers.
struct Size {
  int width = 0, height = 0;
};
Size shortest_edge_size(int width, int height, int edge);

// The middle, where an odd rest stays at the right and the bottom. No larger than the image.
Image centre_crop(const Image& image, int width, int height);

// How a file becomes values: decoded, squashed to width x height (the aspect is not kept),
// normalised.
struct Preparation {
  int width = 384, height = 384;
  Filter filter = Filter::bicubic;
  Normalisation normalisation = kSiglip;
};

// All of it in one go: values[3][height][width]. Grey pictures stay one channel until the end,
// which gives the same values sooner. Throws Error{Kind::data} as ImageCodec::decode does.
void prepare(std::span<const std::byte> file, const Preparation& preparation,
             std::span<float> values);

}  // namespace looktwice::imaging
