// ROUGE by hand, against rouge_score on 5,000 pairs, and the fast subsequence against the plain
// table.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "metrics/text/lcs.h"
#include "metrics/text/rouge.h"
#include "tests/support/files.h"

namespace looktwice::metrics {
namespace {

constexpr Rouge kKinds[] = {Rouge::n1, Rouge::n2, Rouge::l, Rouge::lsum};

// The generator and the texts of scripts/golden/rouge.py.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed * 2654435761 % kRange) {}
  std::size_t operator()(std::size_t below) {
    state_ = (state_ * 1103515245 + 12345) % kRange;
    return (state_ >> 8) % below;
  }

 private:
  static constexpr std::uint64_t kRange = 1ULL << 31;
  std::uint64_t state_;
};

std::string joined(const std::vector<std::string>& pieces, const std::string& gap) {
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) text += (i == 0 ? "" : gap) + pieces[i];
  return text;
}

std::pair<std::string, std::string> texts(std::size_t number,
                                          const std::vector<std::string>& pieces) {
  Generator draw(number);
  std::size_t count = draw(10) == 0 ? draw(3) : draw(60);
  if (number % 250 == 249) count = 600;
  std::vector<std::string> reference, candidate;
  for (std::size_t i = 0; i < count; ++i) reference.push_back(pieces[draw(pieces.size())]);
  for (const std::string& piece : reference) {
    const std::size_t fate = draw(5);
    if (fate == 1) {
      candidate.push_back(pieces[draw(pieces.size())]);
    } else if (fate == 2) {
      const auto at = static_cast<std::ptrdiff_t>(draw(candidate.size() + 1));
      candidate.insert(candidate.begin() + at, piece);
    } else if (fate > 2) {
      candidate.push_back(piece);
    }
  }
  const std::string gap = draw(4) ? " " : "";
  return {joined(reference, gap), joined(candidate, gap)};
}

TEST(Rouge, EqualsRougeScoreOn5000Pairs) {
  std::ifstream in(test::data_path("text/rouge_pieces.json"));
  const std::vector<std::string> pieces = nlohmann::json::parse(in);
  RougeScorer plain, stem(true);
  std::ifstream pairs(test::data_path("text/rouge_pairs.txt"));
  std::size_t number = 0;
  for (std::string line; std::getline(pairs, line); ++number) {
    const auto [reference, candidate] = texts(number, pieces);
    std::istringstream numbers(line);
    double words = 0, others = 0;
    numbers >> words >> others;
    for (RougeScorer* scorer : {&plain, &stem})
      for (const Rouge kind : kKinds) {
        double shared = 0;
        numbers >> shared;
        const double less = kind == Rouge::n2 ? 1 : 0;
        const double precision = shared == 0 ? 0 : shared / (others - less);
        const double recall = shared == 0 ? 0 : shared / (words - less);
        const double f = shared == 0 ? 0 : 2 * precision * recall / (precision + recall);
        const RougeScore found = scorer->score(kind, reference, candidate);
        ASSERT_EQ(found.precision, precision) << "pair " << number << ": " << reference;
        ASSERT_EQ(found.recall, recall) << "pair " << number << ": " << reference;
        ASSERT_NEAR(found.f, f, 1e-12) << "pair " << number << ": " << reference;
      }
  }
  EXPECT_EQ(number, 5000u);
}

TEST(Rouge, ByHand) {
  RougeScorer scorer;
  // Shared: the, cat, the, mat; "the cat" and "the mat"; the cat .. the mat.
  const std::string reference = "The cat sat on the mat.", candidate = "the cat, the mat";
  EXPECT_EQ(scorer.score(Rouge::n1, reference, candidate).recall, 4.0 / 6);
  EXPECT_EQ(scorer.score(Rouge::n1, reference, candidate).precision, 1);
  EXPECT_EQ(scorer.score(Rouge::n2, reference, candidate).recall, 2.0 / 5);
  EXPECT_EQ(scorer.score(Rouge::n2, reference, candidate).precision, 2.0 / 3);
  EXPECT_EQ(scorer.score(Rouge::l, reference, candidate).f, 0.8);
  // Lin's example: the union of "w1 w2" and "w1 w3 w5" is four of five words.
  EXPECT_EQ(scorer.score(Rouge::lsum, "w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5").recall,
            4.0 / 5);
}

TEST(Rouge, OfSeveralReferencesTheBestCounts) {
  RougeScorer scorer;
  const std::vector<std::string> references = {"a b", "a b c d", "d c b a"};
  EXPECT_EQ(scorer.score(Rouge::l, references, "a b c").f,
            scorer.score(Rouge::l, references[1], "a b c").f);
  EXPECT_EQ(scorer.score(Rouge::l, std::vector<std::string>{}, "a").f, 0);
}

TEST(Rouge, WordsCutElsewhereScoreTheSame) {
  RougeScorer scorer;
  const std::vector<Token> reference = {7, 3, 9, kNoToken, 3}, candidate = {3, 9, kNoToken, 3, 100};
  EXPECT_EQ(scorer.score(Rouge::n1, reference, candidate).recall, 3.0 / 5);
  EXPECT_EQ(scorer.score(Rouge::n2, reference, candidate).recall, 1.0 / 4);
  EXPECT_EQ(scorer.score(Rouge::l, reference, candidate).recall, 3.0 / 5);
}

TEST(Rouge, AMegabyteOfOneWordOrOfNoneIsReadInPassing) {
  RougeScorer scorer(true);
  const std::string long_word(1 << 20, 'a'), nothing(1 << 20, '\xC4');
  EXPECT_EQ(scorer.score(Rouge::l, long_word + " b", "b " + long_word).recall, 0.5);
  for (const Rouge kind : kKinds) EXPECT_EQ(scorer.score(kind, nothing, nothing).f, 0);
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "word" + std::to_string(i) + ' ';
  EXPECT_EQ(scorer.score(Rouge::n2, many, many).f, 1);
  EXPECT_EQ(scorer.score(Rouge::l, many, many).f, 1);
}

// Words are kept from pair to pair, up to a number of them.
TEST(Rouge, PairsDoNotKnowOfEachOther) {
  for (const bool stem : {false, true}) {
    RougeScorer kept(stem);
    std::mt19937 random(5);
    for (int pair = 0; pair < 12; ++pair) {
      std::string reference, candidate;
      for (int i = 0; i < 9000; ++i) {
        const std::string word = "w" + std::to_string(random() % 200000) + " ";
        reference += word;
        if (random() % 2) candidate += word;
        if (random() % 3 == 0) candidate += "w" + std::to_string(random() % 200000) + "s ";
      }
      for (const Rouge kind : {Rouge::n1, Rouge::l}) {
        RougeScorer fresh(stem);
        const RougeScore a = kept.score(kind, reference, candidate),
                         b = fresh.score(kind, reference, candidate);
        ASSERT_EQ(a.precision, b.precision) << pair;
        ASSERT_EQ(a.recall, b.recall) << pair;
      }
    }
  }
}

TEST(Rouge, TenThousandWordsOnEachSide) {
  RougeScorer scorer;
  std::string reference, candidate;
  for (int i = 0; i < 10000; ++i) {
    reference += "w" + std::to_string(i % 1000) + " ";
    candidate += "w" + std::to_string((i + 1) % 1000) + " ";
  }
  EXPECT_EQ(scorer.score(Rouge::l, reference, candidate).recall, 0.9999);
  EXPECT_EQ(scorer.score(Rouge::lsum, reference, candidate).recall, 0.9999);
}

// The table in full, and rouge_score's way back through it.
std::vector<std::uint32_t> plain_places(std::span<const Token> a, std::span<const Token> b) {
  std::vector<std::vector<std::uint32_t>> table(a.size() + 1,
                                                std::vector<std::uint32_t>(b.size() + 1));
  const auto equal = [&](std::size_t i, std::size_t j) { return a[i] == b[j] && a[i] != kNoToken; };
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j)
      table[i][j] = equal(i - 1, j - 1) ? table[i - 1][j - 1] + 1
                                        : std::max(table[i - 1][j], table[i][j - 1]);
  std::vector<std::uint32_t> places;
  for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (equal(i - 1, j - 1)) {
      places.push_back(static_cast<std::uint32_t>(i - 1));
      --i, --j;
    } else if (table[i][j - 1] > table[i - 1][j]) {
      --j;
    } else {
      --i;
    }
  }
  return {places.rbegin(), places.rend()};
}

std::vector<Token> random_tokens(std::size_t count, std::uint32_t kinds, std::mt19937& random) {
  std::vector<Token> tokens(count);
  for (Token& token : tokens) {
    token = static_cast<Token>(random() % (kinds + 1));
    if (token == kinds) token = kNoToken;
  }
  return tokens;
}

TEST(LongestCommonSubsequence, EqualsThePlainTable) {
  const std::uint32_t seed = 20261123;
  std::mt19937 random(seed);
  LongestCommonSubsequence fast;
  for (int round = 0; round < 400; ++round) {
    const auto kinds = static_cast<std::uint32_t>(1 + random() % (round % 2 ? 4 : 300));
    const auto a = random_tokens(random() % 600, kinds, random);
    const auto b = random_tokens(random() % 300, kinds, random);
    const auto expected = plain_places(a, b);
    ASSERT_EQ(fast.length(a, b), expected.size()) << "seed " << seed << ", round " << round;
    ASSERT_EQ(fast.length(b, a), expected.size()) << "seed " << seed << ", round " << round;
    std::vector<std::uint32_t> places;
    fast.places(a, b, places);
    ASSERT_EQ(places, expected) << "seed " << seed << ", round " << round;
  }
}

// Too large to keep all rows, which are then worked out twice.
TEST(LongestCommonSubsequence, OfLongTextsTakesTheSameWayBack) {
  std::mt19937 random(1);
  LongestCommonSubsequence fast;
  const auto a = random_tokens(6500, 50, random), b = random_tokens(11000, 50, random);
  const auto expected = plain_places(a, b);
  EXPECT_EQ(fast.length(a, b), expected.size());
  std::vector<std::uint32_t> places;
  fast.places(a, b, places);
  EXPECT_EQ(places, expected);
}

}  // namespace
}  // namespace looktwice::metrics
