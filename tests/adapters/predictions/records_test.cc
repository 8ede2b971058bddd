#include "adapters/predictions/records.h"

#include <gtest/gtest.h>

#include <limits>

#include "harness/core/hash.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::TemporaryFolder;

class RecordsTest : public ::testing::Test {
 protected:
  Records read(const std::string& name, const std::string& text,
               const RecordColumns& columns = {}) {
    return Records(folder_.file(name, text), columns);
  }
  std::string refusal(const std::string& name, const std::string& text,
                      const RecordColumns& columns = {}) {
    return looktwice::testing::refusal(Kind::data, [&] { read(name, text, columns); });
  }
  TemporaryFolder folder_;
};

const Record& of(Records& records, const std::string& sample, std::size_t turn = 0,
                 const std::string& question = "") {
  const Record* found = records.find("", sample, turn, question);
  if (!found) throw std::runtime_error("no record of " + sample);
  return *found;
}

TEST_F(RecordsTest, GuessesTheUsualColumnsAndSaysWhatItLeftOut) {
  Records records =
      read("s.csv", "label,image_path,anomaly_score,mask\n1,a/0.png,0.75,x\n0,a/1.png,-3e-2,y\n");
  EXPECT_EQ(of(records, "a/0.png").score, 0.75);
  EXPECT_EQ(of(records, "a/1.png").score, -0.03);
  EXPECT_EQ(records.facts().at("columns_ignored"), "label, mask");
  EXPECT_EQ(records.facts().at("records"), "2");
}

TEST_F(RecordsTest, PrefersAPathToARowNumber) {
  Records records = read("s.csv", "id,path,score\n0,a/0.png,1\n1,a/1.png,2\n");
  EXPECT_EQ(of(records, "a/1.png").score, 2);
}

TEST_F(RecordsTest, TakesTheColumnsAskedFor) {
  Records records =
      read("s.tsv", "path\tnr\tscore\tmine\nx\ta/0.png\t1\t5\n", {.id = "nr", .score = "mine"});
  EXPECT_EQ(of(records, "a/0.png").score, 5);
  const std::string why = refusal("t.csv", "path,score\na,1\n", {.score = "skore"});
  EXPECT_TRUE(names_all(why, {"'skore'", "path, score"})) << why;
}

TEST_F(RecordsTest, ReadsJsonListsLinesAndPlainObjects) {
  Records list = read(
      "a.json", R"([{"file": "0.png", "score": 1}, {"file": "1.png", "score": 2, "text": "Yes"}])");
  EXPECT_EQ(of(list, "1.png").score, 2);
  EXPECT_EQ(of(list, "1.png").text, "Yes");
  Records lines =
      read("b.jsonl", "{\"id\":\"0.png\",\"answer\":\"A\"}\n\n{\"id\":\"1.png\",\"answer\":\"B\"}");
  EXPECT_EQ(of(lines, "1.png").text, "B");
  Records objects = read("c.json", R"({"0.png": {"score": 0.5}})");
  EXPECT_EQ(of(objects, "0.png").score, 0.5);
  Records plain = read("d.json", R"({"0.png": 0.5, "1.png": null})");
  EXPECT_EQ(of(plain, "0.png").score, 0.5);
  EXPECT_FALSE(of(plain, "1.png").score);
  Records texts = read("e.json", R"({"0.png": "Yes", "1.png": ["A", "B"]})");
  EXPECT_EQ(of(texts, "0.png").text, "Yes");
  EXPECT_EQ(of(texts, "1.png", 1).text, "B");
}

TEST_F(RecordsTest, MarksScoresThatAreNoFiniteNumber) {
  for (const char* score : {"nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1e999", "high",
                            "0.5.1", "0,5", "0x1p3", "1e", "--1", "1 2", "True", "\xEF\xBC\x91"}) {
    Records records = read("s.csv", std::string("id,score\na,1\nb,\"") + score + "\"\n");
    EXPECT_TRUE(of(records, "a").flaw.empty());
    EXPECT_FALSE(of(records, "b").score) << score;
    EXPECT_TRUE(names_all(of(records, "b").flaw, {"s.csv: line 3", "finite"})) << score;
    EXPECT_EQ(records.facts().at("scores_not_finite"), "1");
  }
}

TEST_F(RecordsTest, TakesEveryFiniteNumber) {
  Records records = read(
      "s.csv", "id,score\na,-0\nb,5e-324\nc,1e308\nd,+0.5\ne, 7 \nf,-1.7976931348623157e308\n");
  EXPECT_EQ(of(records, "a").score, 0);
  EXPECT_EQ(of(records, "b").score, 5e-324);
  EXPECT_EQ(of(records, "c").score, 1e308);
  EXPECT_EQ(of(records, "d").score, 0.5);
  EXPECT_EQ(of(records, "e").score, 7);
  EXPECT_EQ(of(records, "f").score, -std::numeric_limits<double>::max());
}

TEST_F(RecordsTest, RefusesTextAndTruthValuesAsJsonScores) {
  for (const char* score : {"\"0.9\"", "true", "[0.9]", "{\"v\":1}"}) {
    Records records = read("s.jsonl", std::string("{\"id\":\"a\",\"score\":") + score + "}\n");
    EXPECT_NE(of(records, "a").flaw, "") << score;
  }
  Records empty = read("s.jsonl", "{\"id\":\"a\",\"score\":null,\"text\":\"x\"}\n");
  EXPECT_EQ(of(empty, "a").flaw, "");
}

TEST_F(RecordsTest, RefusesTwoRowsForOneSampleAndNamesBothLines) {
  EXPECT_TRUE(names_all(refusal("s.csv", "id,score\na,1\nb,2\n./a,1\n"), {"lines 2 and 4", "'a'"}));
  EXPECT_TRUE(
      names_all(refusal("s.jsonl", "{\"id\":\"a\",\"score\":1}\n{\"id\":\"a\",\"score\":1}\n"),
                {"lines 1 and 2"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,question,text\na,Q?,1\na, Q? ,2\n"),
                        {"lines 2 and 3", "question"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,turn,text\na,1,x\na,1,y\n"), {"lines 2 and 3"}));
}

TEST_F(RecordsTest, TellsQuestionsOfOneSampleApart) {
  Records records = read("s.csv",
                         "image,question,gpt_answer,correct_answer\na,Is it broken?,A,B\n"
                         "a,Where? Is it broken?,C,D\nb,Is it broken?,B,B\n");
  EXPECT_EQ(of(records, "a", 0, "Look.\nQuestion: Is it broken?\nA. Yes").text, "A");
  EXPECT_EQ(of(records, "a", 5, "Question: Where? Is it broken? \n").text, "C");
  EXPECT_EQ(of(records, "b", 1, "Is it broken?").text, "B");
  EXPECT_EQ(records.find("", "b", 1, "Why?"), nullptr);
  EXPECT_EQ(records.facts().at("columns_ignored"), "correct_answer");
}

TEST_F(RecordsTest, TellsTurnsOfOneSampleApart) {
  Records records =
      read("s.jsonl",
           "{\"id\":\"a\",\"turn\":0,\"text\":\"x\"}\n{\"id\":\"a\",\"turn\":1,\"text\":\"y\"}\n"
           "{\"id\":\"b\",\"answers\":[\"p\",\"q\"]}\n");
  EXPECT_EQ(of(records, "a", 1).text, "y");
  EXPECT_EQ(records.find("", "a", 2, ""), nullptr);
  Records list = read("t.jsonl", "{\"id\":\"b\",\"answers\":[\"p\",\"q\"]}\n");
  EXPECT_EQ(of(list, "b", 1).text, "q");
  for (const char* turn : {"-1", "0.5", "x", "1e9"})
    EXPECT_NE(refusal("u.csv", std::string("id,turn,text\na,") + turn + ",x\n"), "") << turn;
}

TEST_F(RecordsTest, RefusesWhatIsNoListOfRecordsWithItsPlace) {
  EXPECT_TRUE(names_all(refusal("s.csv", "a,b\n1,2\n"), {"id=", "a, b"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,label\n1,2\n"), {"score=", "id, label"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,score\n,2\n"), {"line 2"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,score\na,2\nb\n"), {"line 3"}));
  EXPECT_TRUE(names_all(refusal("s.csv", "id,score\na,\"2\n"), {"line 2"}));
  EXPECT_TRUE(
      names_all(refusal("s.jsonl", "{\"id\":\"a\",\"score\":1}\n{\"id\":\"b\",\"score\":NaN}\n"),
                {"line 2"}));
  EXPECT_TRUE(
      names_all(refusal("s.jsonl", "{\"id\":\"a\",\"score\":1,\"score\":2}\n"), {"line 1"}));
  EXPECT_TRUE(
      names_all(refusal("s.jsonl", "{\"id\":\"a\",\"answers\":[1]}\n"), {"line 1", "texts"}));
  EXPECT_TRUE(
      names_all(refusal("s.jsonl", "{\"id\":\"a\",\"answers\":[]}\n"), {"line 1", "texts"}));
  EXPECT_NE(refusal("s.json", std::string(100000, '[')), "");
  EXPECT_NE(refusal("s.json", "3"), "");
  EXPECT_NE(refusal("s.txt", "id,score\na,1\n"), "");
  EXPECT_NE(refusal("s.csv", std::string("\xFF\xFEi\0d\0", 6)), "");
  EXPECT_NE(refusal("s.csv", ""), "");
}

// Frames as harness/store writes them.
std::string framed(const std::string& object, const std::string& run) {
  const std::string body = object.substr(0, object.size() - 1) + ",\"run\":\"" + run + "\"";
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", crc32c(body));
  return body + ",\"crc\":\"" + crc + "\"}\n";
}

std::string line_of(const std::string& key, const std::string& sample, double score,
                    Status status = Status::answered) {
  Prediction prediction{.key = key, .status = status, .score = score};
  if (status == Status::failed) prediction.error = "out of memory";
  return json_of(prediction, sample, {});
}

TEST_F(RecordsTest, ReadsTheJournalOfAnotherRun) {
  const std::string run = "0123456789abcdef", other = "fedcba9876543210";
  const std::string journal =
      framed(R"({"schema":1,"kind":"predictions"})", run) +
      framed(line_of("t/aa/0", "a.png", 1), run) + framed(line_of("t/bb/0", "b.png", 2), run) +
      framed(line_of("t/aa/0", "a.png", 3), run) + framed(line_of("t/bb/1", "b.png", 4), run) +
      framed(line_of("t/cc/0", "c.png", 9), other) +
      framed(line_of("t/dd/0", "d.png", 0, Status::failed), run) + "{\"key\":\"t/ee";
  Records records = Records(folder_.file("run/predictions.jsonl", journal).parent_path(), {});
  EXPECT_EQ(of(records, "a.png").score, 3) << "the last record of a key wins";
  EXPECT_EQ(of(records, "b.png", 1).score, 4);
  EXPECT_EQ(records.find("t/bb/0", "whatever", 7, "")->score, 2) << "a key needs no name";
  EXPECT_EQ(records.find("", "c.png", 0, ""), nullptr) << "a record of another run";
  EXPECT_EQ(of(records, "d.png").status, Status::failed);
  EXPECT_EQ(of(records, "d.png").error, "out of memory");
  EXPECT_EQ(records.facts().at("damaged_lines"), "2");
  EXPECT_EQ(records.facts().at("records"), "4");
}

TEST_F(RecordsTest, DropsEveryFlippedLineOfAJournal) {
  const std::string run = "0123456789abcdef",
                    head = framed(R"({"schema":1,"kind":"predictions"})", run);
  const std::string line = framed(line_of("t/aa/0", "a.png", 1), run);
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    std::string flipped = line;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    Records records = read("predictions.jsonl", head + flipped);
    EXPECT_EQ(records.facts().at("records"), "0") << i;
  }
}

}  // namespace
}  // namespace looktwice::adapters
