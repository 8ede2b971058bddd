#include "adapters/nn/stage_clock.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <chrono>
#include <cmath>

namespace looktwice::nn {

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

StageClock::StageClock(at::Device device) : device_(device) {
  mark("");
}

void StageClock::mark(const char* name) {
  Mark made{.name = name, .host_ns = steady_ns()};
  if (device_.is_cuda()) {
    // BACKEND_DEFAULT: with time stamps; LibTorch's own default leaves them out.
    made.event.emplace_back(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT);
    made.event.front().record(c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device_));
  }
  marks_.push_back(std::move(made));
}

void StageClock::end(const char* name) {
  mark(name);
}

std::vector<Span> StageClock::spans() const {
  const auto since_begin = [&](const Mark& at) {
    if (at.event.empty()) return at.host_ns - marks_.front().host_ns;
    constexpr double kNsPerMs = 1e6;
    return static_cast<std::int64_t>(
        std::llround(kNsPerMs * marks_.front().event.front().elapsedTime(at.event.front())));
  };
  if (device_.is_cuda()) marks_.back().event.front().synchronize();
  std::vector<Span> spans;
  std::int64_t from = 0;
  for (std::size_t i = 1; i < marks_.size(); ++i) {
    const std::int64_t to = since_begin(marks_[i]);
    spans.push_back({.name = marks_[i].name,
                     .start_ns = marks_.front().host_ns + from,
                     .duration_ns = to - from});
    from = to;
  }
  return spans;
}

}  // namespace looktwice::nn
