// Both native models, with less memory than their batch would like: every question is
// answered as with plenty, by fewer at once, and the run's facts say so. Too little for one alone:
// answers that failed with the reason, and the run goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "tests/support/files.h"
#include "tests/support/queues.h"
#include "tests/support/qwen_vocabulary.h"
#include "tests/support/small_memory.h"

namespace looktwice::adapters {
namespace {

struct Model {
  std::string name = {}, checkpoint = {};
  std::vector<std::string> pictures = {};
  Arguments arguments = {};
  int tokens = 12;
  int step = 1;          // percent of memory less each time
  bool in_words = true;  // else score and map alone
  bool has_expert() const { return name == "anomaly_ov" && !arguments.contains("expert"); }
};

const Model kAnomalyOv{
    .name = "anomaly_ov",
    .checkpoint = "llava_onevision/checkpoint",
    .pictures = {"llava_onevision/images/wide.png", "llava_onevision/images/tall.png",
                 "llava_onevision/images/large.png", "llava_onevision/images/dot.png"},
    .arguments = {{"expert", "none"}}};
// Score and map alone, the language model never read.
const Model kExpert{
    .name = "anomaly_ov",
    .checkpoint = "anomaly_ov_other/checkpoint",
    .pictures = {"anomaly_ov_other/images/strip.png", "anomaly_ov_other/images/dot.png",
                 "anomaly_ov_other/images/tall.png"},
    .arguments = {{"words", "false"}, {"tiles_at_once", "16"}},
    .step = 8,
    .in_words = false};
// Few tokens of a picture and long answers: texts at once take more than seeing does.
const Model kOmniAd{.name = "omniad",
                    .checkpoint = "omniad_other/checkpoint",
                    .pictures = {"llava_onevision/images/dot.png", "omniad_other/images/dot.png"},
                    .arguments = {{"min_pixels", "784"}, {"max_pixels", "3136"}},
                    .tokens = 150};

std::vector<Request> requests(const Model& model) {
  std::vector<Request> all;
  for (const char* question :
       {"What is it?", "Is there any defect?", "Why?", "Where do you see it?"})
    for (const std::string& picture : model.pictures) {
      Request asked{.key = std::to_string(all.size())};
      asked.image = Picture(picture, {.path = test::data_path(picture)}, imaging::make_codec());
      asked.question = {
          .text = question,
          .wanted = {.score = model.has_expert(),
                     .map = model.has_expert(),
                     .text = model.in_words},
          .decoding = {.max_new_tokens = model.tokens + static_cast<int>(all.size() % 5)}};
      all.push_back(std::move(asked));
    }
  return all;
}

struct Told {
  std::map<std::string, Prediction> replies = {};
  std::map<std::string, std::string> facts = {};
  std::size_t peak = 0;
  int refusals = 0;
};

Told told(const Model& model, std::size_t bytes) {
  test::SmallMemory memory(bytes);
  Told made;
  {
    const auto catalogue = adapter_catalogue();
    const auto found = std::ranges::find(catalogue, model.name, &AdapterEntry::name);
    Arguments arguments = model.arguments;
    if (arguments.try_emplace("checkpoint").second)
      arguments["checkpoint"] = test::data_path(model.checkpoint).string();
    const auto adapter = found->make(arguments, {.batch_size = 6, .threads = 1});
    for (Prediction& reply : testing::served(*adapter, requests(model)))
      made.replies[reply.key] = std::move(reply);
    made.facts = adapter->facts();
  }
  made.peak = memory.peak();
  made.refusals = memory.refusals();
  return made;
}

// From plenty down to where one alone no longer fits.
// fact: what the run says when memory was little.
void expect_less_memory_to_change_no_answer(const Model& model,
                                            const std::string& fact = "texts at once") {
  nn::use_threads(1);
  const Told plenty = told(model, std::size_t{1} << 32);
  ASSERT_EQ(plenty.replies.size(), requests(model).size());
  for (const auto& [key, reply] : plenty.replies)
    ASSERT_TRUE(reply.status == Status::answered && reply.score.has_value() == model.has_expert())
        << reply.error;
  EXPECT_FALSE(plenty.facts.contains(fact));
  int smaller = 0;
  bool failed = false;
  for (int percent = 99; percent >= 5 && !failed; percent -= model.step) {
    Told scarce;
    try {
      scarce = told(model, plenty.peak * static_cast<std::size_t>(percent) / 100);
    } catch (const std::exception& error) {  // not even the weights
      EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos) << error.what();
      break;
    }
    EXPECT_GT(scarce.refusals, 0) << percent << " %";
    ASSERT_EQ(scarce.replies.size(), plenty.replies.size());
    for (const auto& [key, reply] : scarce.replies) {
      failed |= reply.status == Status::failed;
      const Prediction& same = plenty.replies.at(key);
      const bool good = reply.status == Status::failed
                            ? reply.error == "out of memory"
                            : reply.text == same.text && reply.score == same.score &&
                                  reply.map.has_value() == same.map.has_value() &&
                                  (!reply.map || reply.map->values == same.map->values);
      EXPECT_TRUE(good) << key << ", " << percent << " %: " << reply.error << reply.text;
    }
    if (!failed && scarce.facts.contains(fact)) ++smaller;
  }
  EXPECT_GT(smaller, 0) << "no size at which all was answered by fewer at once";
}

TEST(LittleMemory, OfAnomalyOvMakesTheBatchSmallerAndNoAnswerFail) {
  expect_less_memory_to_change_no_answer(kAnomalyOv);
}

TEST(LittleMemory, OfAnomalyOvsExpertMakesFewerTilesGoAtOnceAndNoScoreFail) {
  expect_less_memory_to_change_no_answer(kExpert, "tiles at once");
}

// The same where words are asked for beside score and map.
TEST(LittleMemory, OfAnomalyOvWithItsExpertMakesFewerTilesGoAtOnceAndNoAnswerFail) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const test::WithTokenizer folder(test::fixture_path("anomaly_ov/checkpoint"));
  Model model = kExpert;
  model.arguments = {{"checkpoint", folder.path().string()}, {"tiles_at_once", "16"}};
  model.in_words = true;
  model.tokens = 2;
  model.step = 15;
  expect_less_memory_to_change_no_answer(model, "tiles at once");
}

TEST(LittleMemory, OfOmniAdMakesTheBatchSmallerAndNoAnswerFail) {
  expect_less_memory_to_change_no_answer(kOmniAd);
}

}  // namespace
}  // namespace looktwice::adapters
