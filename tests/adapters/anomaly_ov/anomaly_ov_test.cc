// The adapter: scores and maps of pictures, options, failures as lines.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "tests/support/files.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::served;

std::unique_ptr<Adapter> made(Arguments arguments) {
  const auto catalogue = adapter_catalogue();
  const auto found = std::ranges::find(catalogue, "anomaly_ov", &AdapterEntry::name);
  arguments.try_emplace("checkpoint", test::data_path("anomaly_ov_other/checkpoint").string());
  return found->make(arguments, {.threads = 1});
}

Request request(const std::string& name) {
  Request made{.key = name};
  made.image =
      Picture(name + ".png", {.path = test::data_path("anomaly_ov_other/images") / (name + ".png")},
              imaging::make_codec());
  made.question = {.wanted = {.score = true, .map = true}};
  return made;
}

Prediction answer(Arguments arguments, const std::string& picture) {
  const auto adapter = made(std::move(arguments));
  return served(*adapter, {request(picture)}).at(0);
}

TEST(AnomalyOv, GivesAScoreAndTheMapOfTheWholePicture) {
  const Prediction reply = answer({}, "strip");
  ASSERT_EQ(reply.status, Status::answered) << reply.error;
  EXPECT_GT(*reply.score, 0);
  EXPECT_LT(*reply.score, 1);
  ASSERT_TRUE(reply.map);
  EXPECT_EQ(reply.map->width, 14);
  EXPECT_EQ(reply.map->values.size(), 14u * 14u);
  std::vector<std::string> names;
  for (const Span& span : reply.spans) names.push_back(span.name);
  EXPECT_EQ(names, (std::vector<std::string>{"preprocess", "vision", "ltfm", "select"}));
}

TEST(AnomalyOv, TheMapOfTheTilesHasThePicturesAspect) {
  const Prediction reply = answer({{"map", "tiles"}}, "strip");
  ASSERT_TRUE(reply.map) << reply.error;
  EXPECT_GT(reply.map->width, 2 * reply.map->height);
}

TEST(AnomalyOv, ALogitOrdersAsTheScoreDoes) {
  const double score = *answer({}, "tall").score,
               logit = *answer({{"score", "logit"}}, "tall").score;
  EXPECT_NEAR(score, 1 / (1 + std::exp(-logit)), 1e-12);
}

TEST(AnomalyOv, EachSwitchChangesTheScore) {
  const double score = *answer({}, "tall").score;
  for (const Arguments& arguments :
       {Arguments{{"variant", "paper"}}, Arguments{{"look_back", "false"}},
        Arguments{{"split_prompts", "false"}}, Arguments{{"q_former", "false"}}})
    EXPECT_NE(*answer(arguments, "tall").score, score) << arguments.begin()->first;
}

TEST(AnomalyOv, WithoutSplitPromptsNothingTellsAnomalousFromNormal) {
  const Prediction reply = answer({{"split_prompts", "false"}}, "dot");
  ASSERT_TRUE(reply.map) << reply.error;
  for (const float value : reply.map->values) ASSERT_NEAR(value, 0.5f, 1e-4f);
}

TEST(AnomalyOv, AScoreHeadInBfloat16RoundsALittle) {
  const double score = *answer({}, "tall").score,
               rounded = *answer({{"score_dtype", "bf16"}}, "tall").score;
  EXPECT_NE(score, rounded);
  EXPECT_NEAR(score, rounded, 0.02);
}

TEST(AnomalyOv, APictureThatIsNoneIsALineAndTheNextIsAnswered) {
  const auto adapter = made({});
  Request missing = request("gone");
  const auto replies = served(*adapter, {missing, request("dot")});
  EXPECT_EQ(replies.at(0).status, Status::failed);
  EXPECT_NE(replies.at(0).error, "");
  EXPECT_EQ(replies.at(1).status, Status::answered);
}

TEST(AnomalyOv, WrongWordsAreRefused) {
  for (const char* option : {"variant", "score", "map", "dtype", "score_dtype"})
    EXPECT_TRUE(names_all(refusal(Kind::usage,
                                  [&] {
                                    made({{option, "other"}});
                                  }),
                          {"must be"}) ||
                names_all(refusal(Kind::usage,
                                  [&] {
                                    made({{option, "other"}});
                                  }),
                          {"'other'"}))
        << option;
}

TEST(AnomalyOv, ItsWeightsHaveAName) {
  const auto facts = made({})->facts();
  EXPECT_EQ(facts.at("weights").size(), 64u);
  EXPECT_NE(facts.at("weights"), facts.at("expert weights"));
}

}  // namespace
}  // namespace looktwice::adapters
