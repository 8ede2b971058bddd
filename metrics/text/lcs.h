// Longest common subsequence of two sequences of token numbers, 64 cells of the table at a time.
// Not here: words. Sources: Hyyro 2004 (bit-parallel), Hirschberg 1975 (rows worked out twice
// rather than kept).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::metrics {

// Numbers from 0 on, without large holes: memory goes with the largest. kNoToken equals nothing,
// not even itself.
using Token = std::uint32_t;
inline constexpr Token kNoToken = 0xFFFFFFFFU;

// Keeps its memory from call to call. Not for two threads at once.
class LongestCommonSubsequence {
 public:
  // Time a.size() * b.size() / 64, memory a.size() + b.size().
  std::size_t length(std::span<const Token> a, std::span<const Token> b);

  // Places in `a`, ascending, of the one that rouge_score's walk back through the table finds:
  // where neither token is taken, it gives up one of `b` only if the table is larger there.
  // Appends to `places`. At most 16 MB and the square root of b.size() rows of a.size() bits.
  void places(std::span<const Token> a, std::span<const Token> b,
              std::vector<std::uint32_t>& places);

 private:
  std::vector<std::uint64_t> masks_ = {};   // [token][words]: where a block of `a` has this token
  std::vector<Token> known_ = {};           // of b, those that `a` has
  std::vector<std::uint8_t> carries_ = {};  // [b]: out of the block before
  std::vector<std::uint32_t> first_ = {}, next_ = {};  // places of a token in `a`, as lists
  std::vector<std::uint64_t> rows_ = {}, kept_ = {}, row_ = {}, mask_ = {};
};

}  // namespace looktwice::metrics
