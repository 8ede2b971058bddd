// Both native models that write, with less memory than their batch would like: every question is
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
#include "tests/support/small_memory.h"

namespace looktwice::adapters {
namespace {

struct Model {
  std::string name = {}, checkpoint = {};
  std::vector<std::string> pictures = {};
  Arguments arguments = {};
  int tokens = 12;
};

const Model kAnomalyOv{
    .name = "anomaly_ov",
    .checkpoint = "llava_onevision/checkpoint",
    .pictures = {"llava_onevision/images/wide.png", "llava_onevision/images/tall.png",
                 "llava_onevision/images/large.png", "llava_onevision/images/dot.png"},
    .arguments = {{"expert", "none"}}};
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
          .wanted = {.text = true},
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
void expect_less_memory_to_change_no_answer(const Model& model) {
  nn::use_threads(1);
  const Told plenty = told(model, std::size_t{1} << 32);
  ASSERT_EQ(plenty.replies.size(), requests(model).size());
  for (const auto& [key, reply] : plenty.replies)
    ASSERT_EQ(reply.status, Status::answered) << reply.error;
  EXPECT_FALSE(plenty.facts.contains("texts at once"));
  int smaller = 0;
  bool failed = false;
  for (int percent = 99; percent >= 5 && !failed; --percent) {
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
      const bool good = reply.status == Status::failed ? reply.error == "out of memory"
                                                       : reply.text == plenty.replies.at(key).text;
      EXPECT_TRUE(good) << key << ", " << percent << " %: " << reply.error << reply.text;
    }
    if (!failed && scarce.facts.contains("texts at once")) ++smaller;
  }
  EXPECT_GT(smaller, 0) << "no size at which all was answered by fewer at once";
}

TEST(LittleMemory, OfAnomalyOvMakesTheBatchSmallerAndNoAnswerFail) {
  expect_less_memory_to_change_no_answer(kAnomalyOv);
}

TEST(LittleMemory, OfOmniAdMakesTheBatchSmallerAndNoAnswerFail) {
  expect_less_memory_to_change_no_answer(kOmniAd);
}

}  // namespace
}  // namespace looktwice::adapters
