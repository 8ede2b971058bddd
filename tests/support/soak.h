// How much of a large fault row a test walks: a sample in every run, the whole of it in
// ./scripts/soak. A test program that asks carries the CMake label `soak`, or nobody finds it
// there.
#pragma once

#include <cstdlib>

namespace looktwice::testing {

// LOOKTWICE_SOAK is set.
inline bool soak() {
  return std::getenv("LOOKTWICE_SOAK") != nullptr;
}

// How many cases: for (int i = 0; i < cases(200, 10'000); ++i)
inline int cases(int sampled, int whole) {
  return soak() ? whole : sampled;
}

}  // namespace looktwice::testing
