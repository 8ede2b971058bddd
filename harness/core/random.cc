#include "harness/core/random.h"

#include <numeric>
#include <random>
#include <utility>

namespace looktwice {

std::vector<std::uint32_t> permutation(std::uint32_t n, std::uint32_t seed) {
  std::mt19937 generator(seed);  // the standard's seeding is init_genrand
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  for (std::uint32_t i = n; i-- > 1;) {
    std::uint32_t mask = i;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    std::uint32_t j = 0;
    do j = static_cast<std::uint32_t>(generator()) & mask;
    while (j > i);
    std::swap(order[i], order[j]);
  }
  return order;
}

}  // namespace looktwice
