#include "suites/mmad/letters.h"

#include <gtest/gtest.h>

#include <vector>

#include "harness/core/table.h"

namespace looktwice::suites {
namespace {

using Take = OfficialReading::Take;

const std::vector<Option> kOptions = {
    {"A", "Broken large."}, {"B", "Contamination"}, {"C", "No defect"}, {"D", "Broken small."}};
const std::vector<Option> kYesNo = {{"A", "Yes"}, {"B", "No"}};

TEST(MmadLetters, OfficialReadingEqualsThePythonParser) {
  const std::string file = LOOKTWICE_TEST_DATA "/mmad/letters.json";
  const JsonValue golden = parsed_json(text_of_file(file), file);
  int cases = 0;
  for (const JsonValue& one : golden.find("cases")->items) {
    const std::string& reply = one.find("reply")->text;
    EXPECT_EQ(standing_letters(reply), one.find("letters")->text) << reply;
    EXPECT_EQ(official_letter(reply, kOptions, {Take::last, true}), one.find("last")->text)
        << reply;
    EXPECT_EQ(official_letter(reply, kOptions, {Take::first, true}), one.find("first")->text)
        << reply;
    ++cases;
  }
  EXPECT_EQ(cases, 811);
}

TEST(MmadLetters, WithoutFallbackThereMayBeNone) {
  EXPECT_EQ(official_letter("no defect", kOptions, {Take::last, false}), "");
  EXPECT_EQ(official_letter("no defect", kOptions, {Take::last, true}), "C");
  EXPECT_EQ(official_letter("A crack", kOptions, {Take::last, false}), "A");  // the article
}

TEST(MmadLetters, CorrectedRulesInTheirOrder) {
  const std::pair<const char*, const char*> cases[] = {
      {"<answer>B</answer> and not A", "B"},
      {"<seg>(1, 2)</seg><think>A or C</think><answer>(c)<\\answer>", "C"},
      {"<answer>D", "D"},
      {"<answer>I cannot tell</answer> B", ""},
      {"Answer: B", "B"},
      {"First I thought the answer is A. But no, the Answer is: **D**.", "D"},
      {"Answer: b.", "B"},
      {"The answer is a crack", ""},
      {"The answer is a broken small thing", "D"},
      {"The answer is option C", "C"},
      {"Answer: A", "A"},
      {"Answer: E", ""},
      {"(b)", "B"},
      {"**C**.", "C"},
      {" d \n", "D"},
      {"E", ""},
      {"A crack, so B.", "B"},
      {"A crack", ""},
      {"A", "A"},
      {"A. Broken large.", "A"},
      {"A is right", "A"},
      {"Option A looks right", "A"},
      {"A or B", ""},
      {"B, B and B", "B"},
      {"I see contamination here", "B"},
      {"It is broken small", "D"},
      {"no defects", ""},
      {"broken large or contamination", ""},
      {"", ""},
      {"I cannot assist with that.", ""},
      {"<think>B</think>C", "C"},
      {"<think>B", ""},
      {"答案是 B。", "B"},
      {"答案是B。", "B"},
      {"选C项，因为表面有划痕", "C"},
      {"答案：Ｂ", "B"},
      {"A 处没有划痕", "A"},
      {"正解はDです", "D"},
      {"정답은 B입니다.", "B"},
      {"คำตอบคือCครับ", "C"},
      {"Answer: B。理由：A处", "B"},
      {"Ответ: Bетон", ""},
      {"Größe Bäh C", "C"},
      {"答案是B或C", ""},
      {"\xff\xfe B \xff", "B"},
  };
  for (const auto& [reply, letter] : cases)
    EXPECT_EQ(corrected_letter(reply, kOptions), letter) << reply;
  EXPECT_EQ(corrected_letter("Not sure, none", kYesNo), "");
  EXPECT_EQ(corrected_letter("No.", kYesNo), "B");
  EXPECT_EQ(corrected_letter("yes, there is", kYesNo), "A");
  EXPECT_EQ(corrected_letter("C", kYesNo), "");
}

TEST(MmadLetters, AnOptionWithinALongerOneThatIsSaidDoesNotCount) {
  const std::vector<Option> options = {{"A", "scratch"}, {"B", "deep scratch"}, {"C", "dent"}};
  EXPECT_EQ(corrected_letter("a deep scratch", options), "B");
  EXPECT_EQ(corrected_letter("a scratch", options), "A");
}

TEST(MmadLetters, MegabytesCostBoundedTime) {
  const std::string many(1 << 20, 'A');
  EXPECT_EQ(corrected_letter(many, kOptions), "");
  std::string letters;
  while (letters.size() < 1u << 20) letters += "<think>A answer: <answer>( ";
  EXPECT_EQ(official_letter(letters, kOptions, {}), "A");
  corrected_letter(letters, kOptions);
  for (const char* piece : {"<think></think>", "<think><\\think>A ", "<answer></answer>", "答案是B",
                            "answer is (((", "A   "}) {
    std::string pieces;
    while (pieces.size() < 1u << 20) pieces += piece;
    // Minutes, were a piece to cost what the whole does.
    corrected_letter(pieces, kOptions);
    official_letter(pieces, kOptions, {});
  }
}

}  // namespace
}  // namespace looktwice::suites
