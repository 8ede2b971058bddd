#include "adapters/nn/decoder_rows.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "adapters/nn/lanes.h"

namespace looktwice::nn {
namespace {

constexpr std::int64_t kBlock = 256;  // tokens; their keys and values of one head stay in L2

// Of one block of tokens and the heads that share its keys: largest score, sum of weights, weighted
// sum of values; to be put together with other blocks.
struct Part {
  float largest = 0, weights = 0;
};

struct Work {
  const float *q, *keys, *values;  // [group][size], [count][size] twice
  std::int64_t group, size, count;
  float scale;
  Part* parts;  // [group]
  float* sums;  // [group][size]
};

LOOKTWICE_INLINE void attend_block(const Work& work) {
  const std::int64_t size = work.size, whole = size / kLanes * kLanes, count = work.count;
  constexpr std::int64_t kPadded = (kBlock + kLanes - 1) / kLanes * kLanes;
  float scores[kPadded];
  for (std::int64_t head = 0; head < work.group; ++head) {
    const float* q = work.q + head * size;
    float largest = -std::numeric_limits<float>::infinity();
    for (std::int64_t t = 0; t < count; ++t) {
      const float* key = work.keys + t * size;
      Lanes sums = {};
      for (std::int64_t d = 0; d < whole; d += kLanes) {
        Lanes a, b;
        load(q + d, a);
        load(key + d, b);
        sums += a * b;
      }
      float sum = sum_of(sums);
      for (std::int64_t d = whole; d < size; ++d) sum += q[d] * key[d];
      scores[t] = sum * work.scale;
      largest = std::max(largest, scores[t]);
    }
    const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
    std::fill(scores + count, scores + padded, -std::numeric_limits<float>::infinity());
    Lanes weights = {};
    for (std::int64_t t = 0; t < padded; t += kLanes) {
      Lanes own;
      load(scores + t, own);
      own -= largest;
      exponential(own);
      weights += own;
      store(own, scores + t);
    }
    work.parts[head] = {.largest = largest, .weights = sum_of(weights)};
    float* sum = work.sums + head * size;
    std::int64_t d = 0;
    for (; d + 4 * kLanes <= size; d += 4 * kLanes) {
      Lanes sums[4] = {};
      for (std::int64_t t = 0; t < count; ++t)
        for (int k = 0; k < 4; ++k) {
          Lanes value;
          load(work.values + t * size + d + k * kLanes, value);
          sums[k] += value * scores[t];
        }
      for (int k = 0; k < 4; ++k) store(sums[k], sum + d + k * kLanes);
    }
    std::fill(sum + d, sum + size, 0.0f);
    for (std::int64_t t = 0; t < count && d < size; ++t)
      for (std::int64_t i = d; i < size; ++i) sum[i] += scores[t] * work.values[t * size + i];
  }
}

#ifdef LOOKTWICE_X86
LOOKTWICE_AVX2_FMA void attend_block_avx2(const Work& work) {
  attend_block(work);
}
LOOKTWICE_AVX512 void attend_block_avx512(const Work& work) {
  attend_block(work);
}
#endif
void attend_block_plain(const Work& work) {
  attend_block(work);
}

// Blocks of one head put together, in their order.
void put_together(const Part* parts, const float* sums, std::int64_t blocks, std::int64_t stride,
                  std::int64_t size, float* y) {
  float largest = parts[0].largest;
  for (std::int64_t b = 1; b < blocks; ++b) largest = std::max(largest, parts[b * stride].largest);
  float weights = 0;
  std::fill(y, y + size, 0.0f);
  for (std::int64_t b = 0; b < blocks; ++b) {
    const float share = std::exp(parts[b * stride].largest - largest);
    weights += share * parts[b * stride].weights;
    for (std::int64_t d = 0; d < size; ++d) y[d] += share * sums[b * stride * size + d];
  }
  for (std::int64_t d = 0; d < size; ++d) y[d] /= weights;
}

}  // namespace

void attend(std::span<const Glance> glances, const HeadShape& shape, Isa isa) {
  auto* own_block = attend_block_plain;
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx2) own_block = attend_block_avx2;
  if (isa >= Isa::avx512) own_block = attend_block_avx512;
#else
  static_cast<void>(isa);
#endif
  const std::int64_t size = shape.size, group = shape.heads / shape.kv_heads;
  struct Piece {
    const Glance* glance;
    std::int64_t kv_head, begin, place;  // place: of its block among all blocks
  };
  std::vector<Piece> pieces;
  std::vector<std::int64_t> first;  // place of each text's first block
  std::int64_t places = 0;
  for (const Glance& glance : glances) {
    first.push_back(places);
    for (std::int64_t begin = 0; begin < glance.length; begin += kBlock, ++places)
      for (std::int64_t head = 0; head < shape.kv_heads; ++head)
        pieces.push_back({&glance, head, begin, places});
  }
  std::vector<Part> parts(static_cast<std::size_t>(places * shape.heads));
  std::vector<float> sums(static_cast<std::size_t>(places * shape.heads * size));
  const auto in_range = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const auto& [glance, kv_head, begin, place] = pieces[static_cast<std::size_t>(i)];
      const std::int64_t head = kv_head * group, start = kv_head * glance->room + begin;
      own_block({.q = glance->q + head * size,
                 .keys = glance->keys + start * size,
                 .values = glance->values + start * size,
                 .group = group,
                 .size = size,
                 .count = std::min(kBlock, glance->length - begin),
                 .scale = 1 / std::sqrt(static_cast<float>(size)),
                 .parts = parts.data() + place * shape.heads + head,
                 .sums = sums.data() + (place * shape.heads + head) * size});
    }
  };
  at::parallel_for(0, static_cast<std::int64_t>(pieces.size()), 1, in_range);
  for (std::size_t t = 0; t < glances.size(); ++t)
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::int64_t at = first[t] * shape.heads + head;
      put_together(parts.data() + at, sums.data() + at * size,
                   (glances[t].length + kBlock - 1) / kBlock, shape.heads, size,
                   glances[t].y + head * size);
    }
}

void rms_norm_rows(const float* x, std::int64_t rows, std::int64_t size, const float* weight,
                   float eps, float* y) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / size),
                   [&](std::int64_t from, std::int64_t to) {
                     for (std::int64_t row = from; row < to; ++row) {
                       const float* in = x + row * size;
                       float lanes[8] = {};
                       std::int64_t i = 0;
                       for (; i + 8 <= size; i += 8)
                         for (int k = 0; k < 8; ++k) lanes[k] += in[i + k] * in[i + k];
                       float sum = 0;
                       for (; i < size; ++i) sum += in[i] * in[i];
                       for (const float lane : lanes) sum += lane;
                       const float scale = 1.0f / std::sqrt(sum / static_cast<float>(size) + eps);
                       for (std::int64_t j = 0; j < size; ++j)
                         y[row * size + j] = weight[j] * (in[j] * scale);
                     }
                   });
}

void rotate_rows(float* x, std::int64_t rows, std::int64_t heads, std::int64_t size,
                 const float* cos, const float* sin) {
  const std::int64_t half = size / 2;
  at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / (heads * size)),
                   [&](std::int64_t from, std::int64_t to) {
                     for (std::int64_t row = from; row < to; ++row)
                       for (std::int64_t head = 0; head < heads; ++head) {
                         float* first = x + (row * heads + head) * size;
                         float* second = first + half;
                         const float *c = cos + row * half, *s = sin + row * half;
                         for (std::int64_t i = 0; i < half; ++i) {
                           const float a = first[i], b = second[i];
                           first[i] = a * c[i] - b * s[i];
                           second[i] = b * c[i] + a * s[i];
                         }
                       }
                   });
}

}  // namespace looktwice::nn
