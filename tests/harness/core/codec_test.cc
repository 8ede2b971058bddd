#include "harness/core/codec.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/error.h"

namespace looktwice {
namespace {

TEST(Codec, PredictionsComeBackAsTheyWere) {
  const Prediction p{
      .key = "zsad.elpv/0123/0", .text = "Yes, \"broken\"\n\u00e9", .score = 0.1, .usage = {12, 3}};
  const std::string json = json_of(p, "images/cell0001.png", {"maps/1.npy", 77});
  EXPECT_EQ(json.find('\n'), std::string::npos);
  const StoredPrediction back = prediction_of(json);
  EXPECT_EQ(back.prediction.key, p.key);
  EXPECT_EQ(back.prediction.text, p.text);
  EXPECT_EQ(back.prediction.score, p.score);
  EXPECT_EQ(back.prediction.usage.output_tokens, 3);
  EXPECT_EQ(back.sample, "images/cell0001.png");
  EXPECT_EQ(back.map.file, "maps/1.npy");
  EXPECT_EQ(back.map.crc, 77u);
  EXPECT_EQ(json_of(back.prediction, back.sample, back.map), json);
}

TEST(Codec, ScoresKeepEveryBit) {
  for (const double score :
       {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 123456789.123456789}) {
    const auto back =
        prediction_of(json_of({.key = "k", .score = score}, "s", {})).prediction.score;
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, score);
    EXPECT_EQ(std::signbit(*back), std::signbit(score));
  }
}

TEST(Codec, HostileTextIsRepairedNotRefused) {
  const std::string json = json_of({.key = "k", .text = "\xff\0x"}, "s", {});
  EXPECT_EQ(prediction_of(json).prediction.text.substr(0, 3), "\xEF\xBF\xBD");
}

TEST(Codec, AWrongFieldIsNamed) {
  for (const auto& [json, field] : std::vector<std::pair<std::string, std::string>>{
           {R"({"status":"answered"})", "'key'"},
           {R"({"key":1,"status":"answered"})", "'key'"},
           {R"({"key":"k","status":"perhaps"})", "'status'"},
           {R"({"key":"k","status":"answered","score":"high"})", "'score'"},
           {R"([1])", "not a JSON object"},
           {R"({"key")", "not a JSON object"}}) {
    try {
      prediction_of(json);
      FAIL() << json;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
    }
  }
}

TEST(Codec, OutcomesComeBackAsTheyWere) {
  Outcome o{
      .task = "t", .sample = "a/b.png", .category = "a", .status = Status::refused, .error = "no"};
  o.anomalous = true;
  o.image = "a/b.png";
  o.region = Region{1, 2, 3, 4};
  o.marks = {{.scorer = "official", .score = 0.5, .decision = true, .values = {{"x", 1.5}}},
             {.scorer = "corrected", .unscored_because = "neither yes nor no"}};
  const std::string json = json_of(o);
  EXPECT_EQ(json_of(outcome_of(json)), json);
  EXPECT_EQ(outcome_of(json).marks[1].unscored_because, "neither yes nor no");
}

}  // namespace
}  // namespace looktwice
