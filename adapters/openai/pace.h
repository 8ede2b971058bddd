// When to try again and how many requests to keep in flight. Arithmetic only: time and chance are
// given from outside.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace looktwice::openai {

// Full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform in 0 ..
// min(most, first * 2^tries). A wait that the server asks for is obeyed, up to `most`, with a
// little added on top so that not all come back in the same instant.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most, std::uint64_t seed)
      : first_(first), most_(most), random_(seed) {}
  // failures: how often the request has failed, from 1.
  std::chrono::milliseconds wait(int failures, std::optional<std::chrono::milliseconds> asked);

 private:
  std::chrono::milliseconds first_, most_;
  std::mt19937_64 random_;
};

// How many requests at once: all that are allowed at first, half after an overload, one more after
// each `limit` answers. Overloads that come from requests that were under way when the limit fell
// do not halve it again.
class Limit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Limit(int most) : most_(most), now_(most) {}
  int value() const { return now_; }
  int least() const { return least_; }  // the lowest it has been
  void answered();
  void overloaded(Time started, Time now);

 private:
  int most_, now_, least_ = most_;
  int answers_ = 0;
  Time cut_ = {};
};

}  // namespace looktwice::openai
