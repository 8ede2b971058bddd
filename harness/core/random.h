// Random permutations that NumPy's RandomState gives too, so that published splits can be drawn
// again.
#pragma once

#include <cstdint>
#include <vector>

namespace looktwice {
// The permutation of 0..n-1 of numpy.random.RandomState(seed).permutation(n): MT19937 seeded by
// init_genrand, Fisher-Yates from the top, j by masking 32-bit outputs with the smallest 2^k-1 >= i
// and rejecting. permutation(10, 42) is 8 1 5 0 7 2 9 4 3 6.
std::vector<std::uint32_t> permutation(std::uint32_t n, std::uint32_t seed);
}  // namespace looktwice
