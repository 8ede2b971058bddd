// The two lists of VisA-D&R: every spelling, and every way in which a record can be wrong.
#include "suites/visa_dr/records.h"

#include <gtest/gtest.h>

#include "harness/core/error.h"

namespace looktwice::suites {
namespace {

using Texts = std::vector<std::string>;

std::string refusal(const std::string& json, bool detection) {
  try {
    detection ? detection_records(json, "list.json") : reasoning_records(json, "list.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data);
    return error.what();
  }
  return "nothing refused";
}

TEST(DrRecords, AnomalyIsTruthy) {
  const auto records = detection_records(
      R"([{"image":"VisA/candle/1.JPG","anomaly":1},{"image":"VisA/fryum/2.JPG","anomaly":0},
          {"image":"./VisA/pcb1/3.JPG","anomaly":true,"more":[]},
          {"image":"a.JPG","class":"own","anomaly":0.0}])",
      "list.json");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].anomaly, true);
  EXPECT_EQ(records[1].anomaly, false);
  EXPECT_EQ(records[2].anomaly, true);
  EXPECT_EQ(records[3].anomaly, false);
  EXPECT_EQ(records[0].category, "candle");
  EXPECT_EQ(records[2].category, "pcb1");
  EXPECT_EQ(records[3].category, "own");
  EXPECT_EQ(records[2].place.line, 2);
}

// Python: bool(json.loads(spelling)), what the published script does.
TEST(DrRecords, EverySpellingOfAnomalyIsTruthyAsInPython) {
  const auto read = [](const std::string& spelling) {
    return detection_records(R"([{"image":"VisA/a/1.JPG","anomaly":)" + spelling + "}]",
                             "list.json")
        .at(0);
  };
  for (const char* normal :
       {"false", "0", "-0", "0.0", "0e9", "1e-400", "null", R"("")", "[]", "{}"})
    EXPECT_EQ(read(normal).anomaly, false) << normal;
  for (const char* anomalous :
       {"true", "1", "-1", "2", "0.5", "5e-324", "1e300", R"("1")", R"("0")", R"("true")",
        R"("false")", R"("anomaly")", R"("normal")", R"(" ")", "[0]", "[null]", R"({"a":0})"})
    EXPECT_EQ(read(anomalous).anomaly, true) << anomalous;
  // What a person would read otherwise is told.
  for (const char* doubtful : {R"("0")", R"("false")", R"("False")", R"("normal")", R"("NONE")"})
    EXPECT_TRUE(read(doubtful).is_doubtful) << doubtful;
  for (const char* clear : {"false", "true", "0", "null", R"("")", R"("1")", R"("anomaly")", "[]"})
    EXPECT_FALSE(read(clear).is_doubtful) << clear;
}

TEST(DrRecords, EverySpellingOfTheReferences) {
  for (const char* name : {"answers", "answer", "gt", "responses_gt"}) {
    const auto records =
        reasoning_records(std::string(R"([{"image":"VisA/a/1.JPG","questions":["q","r"],")") +
                              name + R"(":["one","two"]}])",
                          "list.json");
    EXPECT_EQ(records[0].questions, (Texts{"q", "r"})) << name;
    EXPECT_EQ(records[0].references, (Texts{"one", "two"})) << name;
  }
  const auto one = reasoning_records(
      R"([{"image":"VisA/a/1.JPG","questions":["q"],"answer":"alone"}])", "list.json");
  EXPECT_EQ(one[0].references, Texts{"alone"});
}

TEST(DrRecords, ConversationsGiveQuestionsAndReferences) {
  const std::string turns =
      R"("conversations":[{"from":"human","value":"<image>\nWhat?"},{"from":"gpt","value":"A chip."},
         {"from":"human","value":"Why?"},{"from":"gpt","value":"Heat."}])";
  auto records = reasoning_records(R"([{"image":"VisA/a/1.JPG",)" + turns + "}]", "list.json");
  EXPECT_EQ(records[0].questions, (Texts{"What?", "Why?"}));
  EXPECT_EQ(records[0].references, (Texts{"A chip.", "Heat."}));
  records = reasoning_records(R"([{"image":"VisA/a/1.JPG","questions":["x","y"],)" + turns + "}]",
                              "list.json");
  EXPECT_EQ(records[0].questions, (Texts{"x", "y"}));
}

TEST(DrRecords, AMalformedRecordIsNamedByIndexAndField) {
  const std::string good = R"({"image":"VisA/a/1.JPG","questions":["q"],"answers":["x"]})";
  for (const auto& [record, wanted] : std::vector<std::pair<std::string, std::string>>{
           {R"(7)", "record 1 (line 2): expected an object"},
           {R"({"questions":["q"],"answers":["x"]})", "field 'image': is missing"},
           {R"({"image":3})", "field 'image': expected a text"},
           {R"({"image":"1.JPG"})", "field 'image': '1.JPG' names no class"},
           {R"({"image":"VisA/a/1.JPG","class":7})", "field 'class'"},
           {R"({"image":"VisA/a/1.JPG","questions":"q","answers":["x"]})",
            "field 'questions': expected a list of texts"},
           {R"({"image":"VisA/a/1.JPG","questions":["q",null],"answers":["x"]})",
            "field 'questions[1]': expected a text, not null"},
           {R"({"image":"VisA/a/1.JPG","questions":[],"answers":[]})", "field 'questions'"},
           {R"({"image":"VisA/a/1.JPG","questions":["q","r"],"gt":["x"]})",
            "field 'gt': has 1 answers to 2 questions"},
           {R"({"image":"VisA/a/1.JPG","questions":["q"],"replies":["x"]})",
            "no reference answers; expected answers, answer, gt, responses_gt or conversations, it "
            "has image, questions, replies"},
           {R"({"image":"VisA/a/1.JPG","questions":["q"],"answers":[["x"]]})",
            "field 'answers[0]'"},
           {R"({"image":"VisA/a/1.JPG","questions":["q"],"answers":[""]})",
            "field 'answers[0]': is empty"},
           {R"({"image":"VisA/a/1.JPG","conversations":[{"from":"human","value":"q"}]})",
            "field 'conversations': expected pairs"},
           {R"({"image":"VisA/a/1.JPG","conversations":[{"from":"gpt","value":"q"},{}]})",
            "field 'conversations[0]'"}}) {
    const std::string message = refusal("[" + good + ",\n" + record + "]", false);
    EXPECT_NE(message.find("list.json: record 1 (line 2)"), std::string::npos) << message;
    EXPECT_NE(message.find(wanted), std::string::npos) << message << "\nwanted: " << wanted;
  }
  EXPECT_NE(refusal(R"([{"image":"VisA/a/1.JPG"}])", true)
                .find("record 0 (line 1): field 'anomaly': is missing"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"image":1})", true).find("expected a list of records"), std::string::npos);
  EXPECT_NE(refusal(R"([{"image")", false).find("line 1"), std::string::npos);
}

}  // namespace
}  // namespace looktwice::suites
