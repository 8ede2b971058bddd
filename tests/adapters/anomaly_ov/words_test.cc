// The adapter asked in words: the official answers, one by one and all at once, score and map
// beside.
#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"
#include "tests/support/queues.h"
#include "tests/support/qwen_vocabulary.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::served;
using test::fixture_path;

const JsonValue& cases() {
  static const JsonValue root = [] {
    const auto bytes = test::bytes_of(fixture_path("anomaly_ov/manifest.json"));
    return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                       "manifest.json");
  }();
  return *root.find("cases");
}

std::unique_ptr<Adapter> made(int batch_size) {
  static const test::WithTokenizer folder(fixture_path("anomaly_ov/checkpoint"));
  const auto catalogue = adapter_catalogue();
  const auto found = std::ranges::find(catalogue, "anomaly_ov", &AdapterEntry::name);
  return found->make({{"checkpoint", folder.path().string()}},
                     {.batch_size = batch_size, .threads = 1});
}

// The last question of a case, its turns before, its picture.
Request request(const std::string& name) {
  const std::string picture = name.substr(0, name.find('.'));
  Request made{.key = name};
  made.image =
      Picture(picture + ".png", {.path = fixture_path("anomaly_ov/images/" + picture + ".png")},
              imaging::make_codec());
  made.question = {.wanted = {.score = true, .map = true, .text = true},
                   .decoding = {.max_new_tokens = 16}};
  const std::string& prompt = cases().find(name)->find("prompt")->text;
  const std::string begin = "<|im_start|>user\n", end = "<|im_end|>\n", mark = "<image>\n";
  const JsonValue* history = cases().find(name)->find("history");
  std::size_t turn = 0;
  for (std::size_t at = 0; (at = prompt.find(begin, at)) != std::string::npos; ++turn) {
    at += begin.size();
    std::string text = prompt.substr(at, prompt.find(end, at) - at);
    if (text.starts_with(mark)) text.erase(0, mark.size());
    if (turn > 0)
      made.dialogue.push_back(
          {.question = made.question.text, .answer = history->items[turn - 1].text});
    made.question.text = text;
  }
  return made;
}

void expect_official(const Prediction& reply) {
  const JsonValue& one = *cases().find(reply.key);
  ASSERT_EQ(reply.status, Status::answered) << reply.error;
  EXPECT_EQ(reply.text, one.find("greedy_text")->text) << reply.key;
  EXPECT_EQ(std::to_string(reply.usage.input_tokens), one.find("sequence_length")->text);
  EXPECT_EQ(reply.usage.output_tokens, 16);
  EXPECT_NEAR(*reply.score, std::stod(one.find("scores")->items[0].text), 1e-4);
  ASSERT_TRUE(reply.map);
  EXPECT_EQ(reply.map->width, 27);
}

TEST(AnomalyOvInWords, SeveralAtOnceGiveTheOfficialAnswers) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const auto adapter = made(3);
  const auto replies =
      served(*adapter, {request("wide.detection"), request("tall.detection"),
                        request("square.detection"), request("tall.reasoning_empty")});
  ASSERT_EQ(replies.size(), 4u);
  for (const Prediction& reply : replies) expect_official(reply);
}

TEST(AnomalyOvInWords, TurnsOfADialogueReuseWhatIsComputed) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const auto adapter = made(1);
  const auto replies =
      served(*adapter, {request("tall.reasoning_live0"), request("tall.reasoning_live1"),
                        request("tall.reasoning_live2")});
  for (const Prediction& reply : replies) {
    expect_official(reply);
    const bool saw =
        std::ranges::any_of(reply.spans, [](const Span& span) { return span.name == "vision"; });
    EXPECT_EQ(saw, reply.key == "tall.reasoning_live0");
    EXPECT_EQ(reply.spans.back().name, "decode");
  }
}

TEST(AnomalyOvInWords, NothingIsWrittenWhereAScoreWillDo) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const auto adapter = made(1);
  Request asked = request("wide.detection");
  asked.question.wanted.text_for_score = true;
  const Prediction reply = served(*adapter, {asked}).at(0);
  EXPECT_EQ(reply.status, Status::answered);
  EXPECT_TRUE(reply.text.empty());
  EXPECT_EQ(reply.usage.output_tokens, 0);
  ASSERT_TRUE(reply.score);
  EXPECT_TRUE(reply.map);
}

TEST(AnomalyOvInWords, AStopTextEndsTheAnswer) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const auto adapter = made(1);
  Request asked = request("wide.detection");
  const std::string whole = cases().find("wide.detection")->find("greedy_text")->text;
  asked.question.decoding.stop = {whole.substr(whole.size() / 2)};
  EXPECT_EQ(served(*adapter, {asked}).at(0).text, whole.substr(0, whole.size() / 2));
}

}  // namespace
}  // namespace looktwice::adapters
