// Words of any script, and ROUGE of them.
#include "adapters/tokenizers/unicode_words.h"

#include <gtest/gtest.h>

#include "metrics/measure.h"
#include "metrics/text/rouge.h"

namespace looktwice::tokenizers {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  Words words;
  UnicodeWords()(text, words);
  return words;
}

TEST(UnicodeWords, LettersOfAnyScriptWithoutCase) {
  EXPECT_EQ(words_of("Die Zelle ist BESCHÄDIGT; Straße 3.5 mm!"),
            (Words{"die", "zelle", "ist", "beschädigt", "strasse", "3.5", "mm"}));
  EXPECT_EQ(words_of("Дефект: ЦАРАПИНА."), (Words{"дефект", "царапина"}));
  EXPECT_EQ(words_of("ＡＢＣ ﬁne don't"), (Words{"abc", "fine", "don't"}));
}

TEST(UnicodeWords, ScriptsWithoutSpacesAreCutToo) {
  // The same letters come back, in more than one piece.
  const Words words = words_of("太阳能电池表面有划痕。");
  EXPECT_GT(words.size(), 2U);
  std::string whole;
  for (const std::string& word : words) whole += word;
  EXPECT_EQ(whole, "太阳能电池表面有划痕");
}

TEST(UnicodeWords, AnyBytesAreTexts) {
  EXPECT_TRUE(words_of("").empty());
  EXPECT_TRUE(words_of(" \t\n.,;!?").empty());
  EXPECT_EQ(words_of("a\xff\xfe b\xc3"), (Words{"a", "b"}));
  EXPECT_EQ(words_of(std::string("x\0y", 3)), (Words{"x", "y"}));
  EXPECT_EQ(words_of(std::string(1 << 20, 'a')).size(), 1U);
}

// rouge_score sees no word in these texts.
TEST(UnicodeWords, RougeOfTextsThatAreNotLatin) {
  using metrics::Rouge;
  metrics::RougeScorer plain, unicode{metrics::WordCutter(UnicodeWords())};
  const std::string reference = "Трещина на поверхности ячейки", answer = "на поверхности трещина";
  EXPECT_EQ(plain.score(Rouge::l, reference, answer).f, 0);
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::n1, reference, answer).recall, 0.75);
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::n1, reference, answer).precision, 1);
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::l, reference, answer).recall, 0.5);
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::n2, reference, answer).recall, 1.0 / 3);
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::lsum, "на ячейке\nтрещина", "трещина\nна ячейке").f, 1);
  // Long words and words that end alike.
  const std::string long_word = "сверхпроводимостью" + std::string(40, 'a');
  EXPECT_DOUBLE_EQ(unicode.score(Rouge::l, long_word + " б", long_word + " в").f, 0.5);
}

TEST(UnicodeWords, MeasuresCalledIcuUseThemAndRefuseWithout) {
  int seen = 0;
  for (const metrics::Measure& measure : metrics::measure_catalogue()) {
    if (measure.name.find("_icu") == std::string::npos) continue;
    ++seen;
    EXPECT_EQ(measure.make(UnicodeWords())("ячейка цела вся", "ячейка цела вся"), 1);
    EXPECT_THROW(measure.make({}), std::invalid_argument);
  }
  EXPECT_EQ(seen, 12);
}

}  // namespace
}  // namespace looktwice::tokenizers
