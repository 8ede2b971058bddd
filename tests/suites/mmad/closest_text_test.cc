// The fallback of MMAD's scripts against Python's difflib (scripts/golden/closest_text.py).
#include "metrics/text/closest_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "harness/core/hash.h"

namespace looktwice::metrics {
namespace {

constexpr int kCases = 20000;
const std::vector<std::string> kWords = {
    "the",    "a",      "crack",         "scratch", "on",      "surface", "of",
    "bottle", "No",     "Yes.",          "defect",  "upper",   "left",    "right",
    "lower",  "corner", "contamination", "broken",  "missing", "part",    "日本",
    "défaut", "ß",      "🙂",          "eeeeee",  "....",    " "};

// SplitMix64, as in the script.
struct Generator {
  std::uint64_t state = 0;
  std::uint64_t below(std::uint64_t n) {
    state += 0x9E3779B97F4A7C15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z ^ (z >> 31)) % n;
  }
};

std::string words(Generator& draw, std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) {
    text += kWords[draw.below(kWords.size())];
    if (draw.below(4) != 0) text += ' ';
  }
  return text;
}

std::string reversed(const std::string& text) {
  std::string result;
  for (std::size_t end = text.size(); end > 0;) {
    std::size_t start = end - 1;
    while ((static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    result += text.substr(start, end - start);
    end = start;
  }
  return result;
}

std::string line_of(int index) {
  Generator draw{static_cast<std::uint64_t>(index)};
  const bool is_long = draw.below(4) == 0;
  std::string reply = words(draw, is_long ? 30 + draw.below(60) : draw.below(12));
  std::vector<std::string> options(2 + draw.below(3));
  for (std::string& option : options) option = words(draw, draw.below(9));
  if (draw.below(3) == 0) {
    reply += options.front();
    reply += words(draw, draw.below(4));
  }
  if (draw.below(16) == 0) options.back() = reversed(options.front());
  const std::size_t chosen = closest_text(reply, options);
  // The script takes the first of equal texts.
  const auto first = std::ranges::find(options, options[chosen]) - options.begin();
  std::string line = std::to_string(index) + " " + std::to_string(first);
  TextMatcher matcher(reply);
  for (const std::string& option : options) {
    char bits[20];
    std::snprintf(
        bits, sizeof bits, " %016llx",
        static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(matcher.ratio(option))));
    line += bits;
  }
  return line;
}

TEST(ClosestText, EqualsDifflibOnTwentyThousandGeneratedCases) {
  std::ifstream in(LOOKTWICE_TEST_DATA "/mmad/closest_text.txt");
  std::string wanted_hash, wanted;
  std::getline(in, wanted_hash);
  Sha256 sum;
  for (int index = 0; index < kCases; ++index) {
    const std::string line = line_of(index);
    sum.add(line + "\n");
    if (index % 100 != 0) continue;
    ASSERT_TRUE(std::getline(in, wanted));
    EXPECT_EQ(line, wanted);
  }
  EXPECT_EQ(sum.hex(), wanted_hash);
}

TEST(ClosestText, CountsMatchedCharactersTwice) {
  TextMatcher matcher("abcd");
  EXPECT_EQ(matcher.ratio("bcde"), 0.75);  // the example of difflib's documentation
  EXPECT_EQ(matcher.ratio(""), 0.0);
  EXPECT_EQ(TextMatcher("").ratio(""), 1.0);
}

TEST(ClosestText, OfEqualRatiosTheLargerTextIsTaken) {
  EXPECT_EQ(closest_text("", std::vector<std::string>{"No", "Yes", "A"}), 1u);
  EXPECT_EQ(closest_text("xyz", std::vector<std::string>{"b", "a", "b"}), 0u);
}

TEST(ClosestText, CharactersOfLongTextsThatAreEverywhereStartNoMatch) {
  // 200 x "a": more than 3 of them, so "a" starts no match, where 199 would. At the very beginning
  // it lengthens the empty match.
  EXPECT_EQ(TextMatcher(std::string(200, 'a')).ratio("xa"), 0.0);
  EXPECT_GT(TextMatcher(std::string(199, 'a')).ratio("xa"), 0.0);
  EXPECT_EQ(TextMatcher(std::string(200, 'a')).ratio("a"), 2.0 / 201);
}

TEST(ClosestText, AMegabyteIsReadInBoundedTime) {
  std::string reply;
  Generator draw{7};
  while (reply.size() < 1u << 20) reply += static_cast<char>('a' + draw.below(26));
  TextMatcher matcher(reply + "the crack is at the upper left");
  EXPECT_LT(matcher.ratio("the crack is at the upper left of the bottle"), 1e-3);
}

}  // namespace
}  // namespace looktwice::metrics
