#include <algorithm>
#include <numeric>
#include <vector>

#include "adapters/kernels/topk_tokens.h"

namespace looktwice::kernels {

void topk_tokens_ref(const TopkTokens& shape, const float* weight, std::int32_t* kept) {
  for (int image = 0; image < shape.images; ++image) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(shape.tokens));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return weight[a] > weight[b]; });
    order.resize(static_cast<std::size_t>(shape.k));
    std::sort(order.begin(), order.end());
    kept = std::copy(order.begin(), order.end(), kept);
    weight += shape.tokens;
  }
}

}  // namespace looktwice::kernels
