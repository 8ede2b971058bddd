// How alike two texts are as Python's difflib sees it (Ratcliff-Obershelp), and which of several is
// most alike. Not here: junk heuristics of the caller's own. Source: CPython, Lib/difflib.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace looktwice::metrics {

// One text that others are compared with: SequenceMatcher's second sequence, characters are code
// points. From 200 characters on, a character that makes up more than one in a hundred (and one)
// starts no match ("autojunk"). Bytes that are no UTF-8 count as U+FFFD each.
class TextMatcher {
 public:
  explicit TextMatcher(std::string_view text);

  // 2 * matched characters / all characters; 1 when both are empty. SequenceMatcher(None, other,
  // text).ratio(). O(|other| * |text|) at worst in time, O(|text|) in memory.
  double ratio(std::string_view other);

 private:
  struct Match {
    std::size_t a = 0, b = 0, size = 0;
  };
  Match longest(std::size_t a_low, std::size_t a_high, std::size_t b_low, std::size_t b_high);

  std::u32string a_, b_;
  std::unordered_map<char32_t, std::vector<std::size_t>> places_;  // in b, ascending
  std::vector<std::size_t> ends_here_, ended_before_;  // length of the match that ends at b[j]
};

// Index of the candidate that difflib.get_close_matches(text, candidates, n=1, cutoff=0) returns:
// the largest ratio, then the larger text; of equal texts the first. Not for an empty list.
std::size_t closest_text(std::string_view text, std::span<const std::string> candidates);

}  // namespace looktwice::metrics
