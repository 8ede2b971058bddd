// A loop over numbers by several threads. Not here: order, progress; each number is on its own.
#pragma once

#include <cstddef>
#include <functional>

namespace looktwice::cli {

// Work on numbers 0 to n - 1; the first failure is thrown when all threads are done.
void in_parallel(std::size_t n, int threads, const std::function<void(std::size_t)>& work);

}  // namespace looktwice::cli
