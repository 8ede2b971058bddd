// Both readings of a yes/no reply over labelled replies: the official column comes from the Python
// rule; the corrected one was labelled by hand, or for the composed replies by a second writing of
// the rule in Python (scripts/golden/yes_no.py).
#include "suites/answers.h"

#include <gtest/gtest.h>

#include <string>

#include "harness/core/table.h"

namespace looktwice::suites {
namespace {

void expect_readings(const char* file, std::size_t count) {
  const Table corpus = table_of_file(std::string(LOOKTWICE_TEST_DATA "/answers/") + file);
  ASSERT_EQ(corpus.rows.size(), count);
  for (const Row& row : corpus.rows) {
    const std::string& reply = corpus.at(row, "reply").text;
    EXPECT_EQ(official_yes(reply) ? "true" : "false", corpus.at(row, "official").text) << reply;
    const auto read = corrected_yes(reply);
    EXPECT_EQ(!read ? "invalid" : *read ? "yes" : "no", corpus.at(row, "corrected").text) << reply;
  }
}

TEST(YesNo, ReadsTheLabelledCorpus) {
  expect_readings("yes_no.jsonl", 203);
}

TEST(YesNo, ReadsComposedRepliesAsPythonDoes) {
  expect_readings("yes_no_composed.jsonl", 500);
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
