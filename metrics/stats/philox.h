// Counter-based random numbers: word i of a stream is a function of (seed, tag, replicate, i), so
// that order, thread count and how work is split change nothing. Philox4x32-10; source: Salmon et
// al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace looktwice::metrics {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

// Names a family of streams: what the numbers are for.
struct StreamKey {
  std::uint64_t seed = 0, tag = 0;
};

// A tag from a name: FNV-1a, 64 bits, mixed.
std::uint64_t stream_tag(std::string_view name);

// One stream of 32-bit words; the block counter is the first word of Philox's counter, the
// replicate the second, the tag the other two. Words come from eight consecutive blocks at a time,
// first the first word of each, and so on.
class RandomStream {
 public:
  RandomStream(StreamKey key, std::uint32_t replicate);

  std::uint32_t next() {
    if (position_ == kBuffer) fill();
    return words_[position_++];
  }
  // Uniform on 0..n-1, exactly (Lemire 2019: multiply, and reject the few words that would favour
  // some). n >= 1.
  std::uint32_t below(std::uint32_t n) {
    const std::uint32_t few = (0U - n) % n;
    std::uint64_t product = std::uint64_t{next()} * n;
    while (static_cast<std::uint32_t>(product) < few) product = std::uint64_t{next()} * n;
    return static_cast<std::uint32_t>(product >> 32);
  }
  // Calls visit(number) `times` times with numbers uniform on 0..n-1, exactly. n >= 1. Small n take
  // half a word each, so these are not the numbers of below().
  template <class Visit>
  void each_below(std::uint32_t n, std::size_t times, Visit&& visit) {
    if (n > kSmall) {
      for (; times > 0; --times) visit(below(n));
      return;
    }
    std::array<std::uint16_t, 2 * kBuffer> numbers;
    while (times > 0) {
      if (position_ == kBuffer) fill();
      // Of the last odd number the other half is lost.
      const std::size_t words = std::min(kBuffer - position_, (times + 1) / 2);
      const std::size_t got = small_numbers(words_.data() + position_, words, n, numbers.data());
      const std::size_t used = std::min(got, times);
#pragma GCC unroll 8
      for (std::size_t i = 0; i < used; ++i) {
        const std::uint32_t number = numbers[i];  // g++ 11 cannot convert it within the call
        visit(number);
      }
      position_ += words;
      times -= used;
    }
  }
  // Uniform on [0, 1), 53 bits.
  double uniform() {
    const std::uint64_t high = next();
    return static_cast<double>(((high << 32) | next()) >> 11) * 0x1p-53;
  }

 private:
  static constexpr std::size_t kBuffer = 256;
  static constexpr std::uint32_t kSmall = 4096;
  void fill();
  // Uniform numbers below n <= kSmall made of both halves of the words, the low one first; at most
  // two a word, fewer where one is rejected.
  static std::size_t small_numbers(const std::uint32_t* words, std::size_t count, std::uint32_t n,
                                   std::uint16_t* numbers);

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::size_t position_ = kBuffer;
  alignas(64) std::array<std::uint32_t, kBuffer> words_;
};

}  // namespace looktwice::metrics
