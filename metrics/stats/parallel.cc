#include "metrics/stats/parallel.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace looktwice::metrics {

void in_parts(int n, int threads, const std::function<void(int begin, int end)>& body) {
  const int parts = std::clamp(threads, 1, std::max(1, n));
  if (parts == 1) {
    body(0, n);
    return;
  }
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(parts));
  const auto part = [&](int i) {
    try {
      body(static_cast<int>(std::int64_t{n} * i / parts),
           static_cast<int>(std::int64_t{n} * (i + 1) / parts));
    } catch (...) {
      thrown[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 1; i < parts; ++i) workers.emplace_back(part, i);
    part(0);
  }
  for (const std::exception_ptr& first : thrown)
    if (first) std::rethrow_exception(first);
}

}  // namespace looktwice::metrics
