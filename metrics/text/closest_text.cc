#include "metrics/text/closest_text.h"

#include <algorithm>
#include <stdexcept>

namespace looktwice::metrics {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The code point at `at`, which moves on; a bad byte is one U+FFFD.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
  if (more == 0 || lead > 0xF4 || at + static_cast<std::size_t>(more) > text.size())
    return kReplacement;
  char32_t point = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const unsigned char trail = byte(at + static_cast<std::size_t>(i));
    if ((trail & 0xC0) != 0x80) return kReplacement;
    point = point << 6 | (trail & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
    return kReplacement;
  at += static_cast<std::size_t>(more);
  return point;
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) points += next_code_point(text, at);
  return points;
}

}  // namespace

TextMatcher::TextMatcher(std::string_view text) : b_(code_points(text)) {
  for (std::size_t j = 0; j < b_.size(); ++j) places_[b_[j]].push_back(j);
  if (b_.size() >= 200) {
    const std::size_t most = b_.size() / 100 + 1;
    std::erase_if(places_, [&](const auto& item) { return item.second.size() > most; });
  }
  ends_here_.assign(b_.size() + 1, 0);
  ended_before_.assign(b_.size() + 1, 0);
}

TextMatcher::Match TextMatcher::longest(std::size_t a_low, std::size_t a_high, std::size_t b_low,
                                        std::size_t b_high) {
  Match best{a_low, b_low, 0};
  const std::vector<std::size_t>* before = nullptr;  // places that hold a length in ended_before_
  const auto clear = [](std::vector<std::size_t>& lengths, const std::vector<std::size_t>* places) {
    if (!places) return;
    for (const std::size_t j : *places) lengths[j + 1] = 0;
  };
  for (std::size_t i = a_low; i < a_high; ++i) {
    const auto found = places_.find(a_[i]);
    const std::vector<std::size_t>* here = found == places_.end() ? nullptr : &found->second;
    if (here) {
      for (auto j = std::ranges::lower_bound(*here, b_low); j != here->end() && *j < b_high; ++j) {
        const std::size_t size = ended_before_[*j] + 1;
        ends_here_[*j + 1] = size;
        if (size > best.size) best = {i + 1 - size, *j + 1 - size, size};
      }
    }
    clear(ended_before_, before);
    std::swap(ends_here_, ended_before_);
    before = here;
  }
  clear(ended_before_, before);
  // What starts no match may still lengthen one.
  while (best.a > a_low && best.b > b_low && a_[best.a - 1] == b_[best.b - 1])
    --best.a, --best.b, ++best.size;
  while (best.a + best.size < a_high && best.b + best.size < b_high &&
         a_[best.a + best.size] == b_[best.b + best.size])
    ++best.size;
  return best;
}

double TextMatcher::ratio(std::string_view other) {
  a_ = code_points(other);
  const std::size_t total = a_.size() + b_.size();
  if (total == 0) return 1;
  struct Part {
    std::size_t a_low, a_high, b_low, b_high;
  };
  std::vector<Part> open = {{0, a_.size(), 0, b_.size()}};
  std::size_t matched = 0;
  while (!open.empty()) {
    const Part part = open.back();
    open.pop_back();
    const Match match = longest(part.a_low, part.a_high, part.b_low, part.b_high);
    if (match.size == 0) continue;
    matched += match.size;
    if (part.a_low < match.a && part.b_low < match.b)
      open.push_back({part.a_low, match.a, part.b_low, match.b});
    if (match.a + match.size < part.a_high && match.b + match.size < part.b_high)
      open.push_back({match.a + match.size, part.a_high, match.b + match.size, part.b_high});
  }
  return 2.0 * static_cast<double>(matched) / static_cast<double>(total);
}

std::size_t closest_text(std::string_view text, std::span<const std::string> candidates) {
  if (candidates.empty()) throw std::invalid_argument("closest_text: no candidates");
  TextMatcher matcher(text);
  std::size_t best = 0;
  double best_ratio = -1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double ratio = matcher.ratio(candidates[i]);
    // Bytes of UTF-8 sort as code points do.
    if (ratio > best_ratio || (ratio == best_ratio && candidates[i] > candidates[best])) {
      best = i;
      best_ratio = ratio;
    }
  }
  return best;
}

}  // namespace looktwice::metrics
