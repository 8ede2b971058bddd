// Both readings of a yes/no reply over a labelled corpus: the official column comes from the Python
// rule, the corrected one was labelled by hand (scripts/golden/yes_no.py).
#include "suites/answers.h"

#include <gtest/gtest.h>

#include <string>

#include "harness/core/table.h"

namespace looktwice::suites {
namespace {

TEST(YesNo, ReadsTheLabelledCorpus) {
  const Table corpus = table_of_file(LOOKTWICE_TEST_DATA "/answers/yes_no.jsonl");
  ASSERT_GE(corpus.rows.size(), 150u);
  for (const Row& row : corpus.rows) {
    const std::string& reply = corpus.at(row, "reply").text;
    EXPECT_EQ(official_yes(reply) ? "true" : "false", corpus.at(row, "official").text) << reply;
    const auto read = corrected_yes(reply);
    EXPECT_EQ(!read ? "invalid" : *read ? "yes" : "no", corpus.at(row, "corrected").text) << reply;
  }
}

TEST(YesNo, BytesThatAreNoTextSeparateWords) {
  EXPECT_EQ(corrected_yes("\xFFyes\xFE"), true);
  EXPECT_EQ(corrected_yes(std::string("no\0body", 7)), false);
  EXPECT_EQ(corrected_yes("\xC3"), std::nullopt);
  EXPECT_EQ(corrected_yes(std::string(1 << 20, '<') + "yes"), true);
  EXPECT_EQ(corrected_yes("<think>" + std::string(1 << 20, 'x')), std::nullopt);
}

}  // namespace
}  // namespace looktwice::suites
