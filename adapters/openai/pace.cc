#include "adapters/openai/pace.h"

#include <algorithm>

namespace looktwice::openai {

std::chrono::milliseconds Backoff::wait(int failures,
                                        std::optional<std::chrono::milliseconds> asked) {
  constexpr int kMostDoublings = 20;
  const std::int64_t most = std::min<std::int64_t>(
      most_.count(), first_.count() << std::clamp(failures - 1, 0, kMostDoublings));
  // Not std::uniform_int_distribution: its numbers differ between standard libraries.
  const auto drawn = [&](std::int64_t up_to) {
    return static_cast<std::int64_t>(random_() % (static_cast<std::uint64_t>(up_to) + 1));
  };
  if (!asked) return std::chrono::milliseconds(drawn(most));
  const std::int64_t obeyed = std::min(asked->count(), most_.count());
  return std::chrono::milliseconds(obeyed + drawn(std::min(first_.count(), obeyed / 4)));
}

void Limit::answered() {
  if (now_ >= most_ || ++answers_ < now_) return;
  answers_ = 0;
  ++now_;
}

void Limit::overloaded(Time started, Time now) {
  answers_ = 0;
  if (started < cut_) return;
  cut_ = now;
  now_ = std::max(1, now_ / 2);
  least_ = std::min(least_, now_);
}

}  // namespace looktwice::openai
