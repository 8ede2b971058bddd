// Independent pieces of work on several threads; what the body writes must depend on the index
// alone.
#pragma once

#include <functional>

namespace looktwice::metrics {

// body(begin, end) over consecutive parts of 0..n-1, one thread each. An exception is thrown again
// after all have ended.
void in_parts(int n, int threads, const std::function<void(int begin, int end)>& body);

}  // namespace looktwice::metrics
