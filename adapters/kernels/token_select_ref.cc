#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "adapters/kernels/lanes.h"
#include "adapters/kernels/token_select.h"

namespace looktwice::kernels {
namespace {

double value(const void* features, Number number, std::int64_t place) {
  if (number == Number::f32) return float_of(static_cast<const F32*>(features)[place]);
  if (number == Number::bf16) return float_of(static_cast<const Bf16*>(features)[place]);
  return float_of(static_cast<const F16*>(features)[place]);
}

}  // namespace

void token_pool_ref(const TokenSelect& shape, const void* features, const float* map, float* query,
                    float* pooled) {
  const int first[2] = {0, shape.grid / 2}, last[2] = {(shape.grid + 1) / 2, shape.grid};
  const std::int64_t tokens = std::int64_t{shape.grid} * shape.grid;
  for (std::int64_t tile = 0; tile < shape.tiles; ++tile)
    for (std::int64_t window = 0; window < kWindows; ++window) {
      const std::int64_t row = window / 2, column = window % 2;
      const double area = double(last[row] - first[row]) * (last[column] - first[column]);
      double weight = 0;
      std::vector<double> sum(static_cast<std::size_t>(shape.dims));
      for (int y = first[row]; y < last[row]; ++y)
        for (int x = first[column]; x < last[column]; ++x) {
          const std::int64_t token = tile * tokens + std::int64_t{y} * shape.grid + x;
          weight += map[token];
          for (int d = 0; d < shape.dims; ++d)
            sum[static_cast<std::size_t>(d)] +=
                map[token] * value(features, shape.number, token * shape.dims + d);
        }
      const std::int64_t place = tile * kWindows + window;
      pooled[place] = static_cast<float>(weight / area);
      for (int d = 0; d < shape.dims; ++d)
        query[place * shape.dims + d] =
            static_cast<float>(sum[static_cast<std::size_t>(d)] / (shape.divide ? weight : area));
    }
}

void token_attend_ref(const TokenSelect& shape, const void* features, const float* query,
                      float* token) {
  const std::int64_t tokens = std::int64_t{shape.grid} * shape.grid;
  for (std::int64_t place = 0; place < std::int64_t{kWindows} * shape.tiles; ++place) {
    const std::int64_t begin = place / kWindows * tokens;
    std::vector<double> score(static_cast<std::size_t>(tokens));
    for (std::int64_t t = 0; t < tokens; ++t) {
      double& own = score[static_cast<std::size_t>(t)];
      for (std::int64_t d = 0; d < shape.dims; ++d)
        own += double{query[place * shape.dims + d]} *
               value(features, shape.number, (begin + t) * shape.dims + d);
      own *= shape.scale;
    }
    const double most = *std::max_element(score.begin(), score.end());
    double all = 0;
    for (double& own : score) all += own = std::exp(own - most);
    for (std::int64_t d = 0; d < shape.dims; ++d) {
      double sum = 0;
      for (std::int64_t t = 0; t < tokens; ++t)
        sum += score[static_cast<std::size_t>(t)] / all *
               value(features, shape.number, (begin + t) * shape.dims + d);
      token[place * shape.dims + d] = static_cast<float>(sum);
    }
  }
}

void token_mean_ref(const TokenSelect& shape, const float* token, const float* weight,
                    float* global) {
  const std::int64_t places = std::int64_t{kWindows} * shape.tiles;
  double all = 0;
  for (std::int64_t place = 0; place < places; ++place) all += weight[place];
  for (std::int64_t d = 0; d < shape.dims; ++d) {
    double sum = 0;
    for (std::int64_t place = 0; place < places; ++place)
      sum += double{weight[place]} * token[place * shape.dims + d];
    global[d] = static_cast<float>(sum / all);
  }
}

}  // namespace looktwice::kernels
