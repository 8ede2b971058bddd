// The adapter: scores and maps of pictures, options, failures as lines.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <tuple>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::served;

std::unique_ptr<Adapter> made(Arguments arguments, int batch_size = 0) {
  const auto catalogue = adapter_catalogue();
  const auto found = std::ranges::find(catalogue, "anomaly_ov", &AdapterEntry::name);
  arguments.try_emplace("checkpoint", test::data_path("anomaly_ov_other/checkpoint").string());
  return found->make(arguments, {.batch_size = batch_size, .threads = 1});
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

// Where a tensor's first number lies in its file.
std::size_t place_of(const std::string& file, const std::string& tensor) {
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  const JsonValue entries = parsed_json(file.substr(sizeof header, header), "header");
  const std::string begin = entries.find(tensor)->find("data_offsets")->items[0].text;
  return sizeof header + header + std::stoul(begin);
}

TEST(AnomalyOv, AnInfiniteLogitIsAFailureAndNoScoreOfOne) {
  const looktwice::testing::TemporaryFolder folder;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::data_path("anomaly_ov_other/checkpoint"))) {
    const auto bytes = test::bytes_of(entry.path());
    std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (entry.path().filename() == "anomaly_expert.safetensors") {
      const float infinite = INFINITY;
      std::memcpy(&file[place_of(file, "final_predictor.2.bias")], &infinite, sizeof infinite);
    }
    folder.file(entry.path().filename().string(), file);
  }
  for (const char* score : {"sigmoid", "logit"}) {
    const Prediction reply =
        answer({{"checkpoint", folder.path().string()}, {"score", score}}, "dot");
    EXPECT_EQ(reply.status, Status::failed) << score;
    EXPECT_NE(reply.error.find("not finite"), std::string::npos) << reply.error;
  }
}

TEST(AnomalyOv, APictureThatIsNoneIsALineAndTheNextIsAnswered) {
  const auto adapter = made({});
  Request missing = request("gone");
  const auto replies = served(*adapter, {missing, request("dot")});
  EXPECT_EQ(replies.at(0).status, Status::failed);
  EXPECT_NE(replies.at(0).error, "");
  EXPECT_EQ(replies.at(1).status, Status::answered);
}

// Takes note of how many requests are wanted at a time.
class CountingDesk final : public Inbox, public Outbox {
 public:
  explicit CountingDesk(std::vector<Request> requests) : desk_(std::move(requests)) {}
  std::vector<Request> take(int most) override {
    std::vector<Request> taken = desk_.take(most);
    if (!taken.empty()) taken_at_once.push_back(taken.size());
    return taken;
  }
  std::vector<Request> try_take(int most) override { return desk_.try_take(most); }
  bool over() const override { return desk_.over(); }
  void push(Prediction prediction) override { desk_.push(std::move(prediction)); }
  std::map<std::string, Prediction> by_key() const { return desk_.by_key(); }

  std::vector<std::size_t> taken_at_once = {};

 private:
  looktwice::testing::ListDesk desk_;
};

// Whatever pictures are beside one, one that cannot be read among them, and however many tiles go
// at once.
TEST(AnomalyOv, PicturesAreTakenUpToTheBatchSizeAndGetTheBitsTheyGetAlone) {
  const auto told = [](int batch_size, const char* tiles_at_once, const char* map,
                       std::vector<std::size_t> expected) {
    std::vector<Request> asked;
    for (const char* name : {"strip", "dot", "gone", "tall", "dot", "strip"}) {
      asked.push_back(request(name));
      asked.back().key += std::to_string(asked.size());
    }
    CountingDesk desk(asked);
    made({{"tiles_at_once", tiles_at_once}, {"map", map}}, batch_size)->serve(desk, desk);
    EXPECT_EQ(desk.taken_at_once, expected) << batch_size;
    return desk.by_key();
  };
  for (const char* map : {"whole", "tiles"}) {
    const auto alone = told(1, "1", map, {1, 1, 1, 1, 1, 1});
    ASSERT_EQ(alone.size(), 6u);
    EXPECT_EQ(alone.at("gone3").status, Status::failed);
    for (const auto& [batch_size, at_once, expected] :
         {std::tuple{4, "1", std::vector<std::size_t>{4, 2}},
          {4, "5", {4, 2}},
          {64, "64", {6}},
          {0, "5", {4, 2}},
          {0, "1", {1, 1, 1, 1, 1, 1}}}) {
      const auto together = told(batch_size, at_once, map, expected);
      ASSERT_EQ(together.size(), 6u);
      for (const auto& [key, reply] : together) {
        const Prediction& same = alone.at(key);
        EXPECT_EQ(reply.status, same.status) << key;
        EXPECT_EQ(reply.error, same.error) << key;
        EXPECT_EQ(reply.score, same.score) << key;
        ASSERT_EQ(reply.map.has_value(), same.map.has_value()) << key;
        if (reply.map) {
          EXPECT_EQ(reply.map->values, same.map->values) << key;
        }
      }
    }
  }
}

TEST(AnomalyOv, TilesAtOnceHaveBounds) {
  for (const char* wrong : {"-1", "1025"})
    EXPECT_TRUE(names_all(refusal(Kind::usage,
                                  [&] {
                                    made({{"tiles_at_once", wrong}});
                                  }),
                          {"tiles_at_once must be 0 to 1024"}));
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
