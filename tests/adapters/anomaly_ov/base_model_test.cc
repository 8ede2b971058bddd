// The base model alone (expert=none), LLaVA-OneVision, beside transformers' implementation of it:
// from the picture's bytes and the question's words to the answer, two turns. The checkpoint, its
// sizes and its pictures are scripts/golden/llava_onevision_golden.py's.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/anomaly_ov/language.h"
#include "adapters/anomaly_ov/prompt.h"
#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"

namespace looktwice::anomaly_ov {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::served;

std::filesystem::path data(const std::string& name) {
  return test::data_path("llava_onevision/" + name);
}

const JsonValue& cases() {
  static const JsonValue root = [] {
    const auto bytes = test::bytes_of(data("expected.json"));
    return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                       "expected.json");
  }();
  return *root.find("cases");
}

std::vector<std::int32_t> ids_of(const JsonValue& list) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

at::Tensor numbers_of(const JsonValue& list) {
  std::vector<float> numbers;
  for (const JsonValue& item : list.items)
    numbers.push_back(std::strtof(item.text.c_str(), nullptr));
  return at::tensor(numbers);
}

TEST(BaseModel, SeesAndScoresAsTransformersDoes) {
  nn::use_threads(1);
  const CheckpointFolder folder =
      checkpoint_folder({.checkpoint = data("checkpoint"), .expert = "none"});
  ASSERT_FALSE(folder.has_expert());
  Vision vision(folder, {});
  const Language language(data("checkpoint"), folder.model, at::kCPU, at::kFloat);
  ASSERT_EQ(cases().items.size(), 4u);
  bool reduced = false;
  for (const JsonValue& one : cases().items) {
    const std::string& name = one.find("picture")->text;
    const Image image =
        imaging::make_codec()->decode(test::bytes_of(data("images/" + name + ".png")));
    const Tiles tiles = tiles_of(image, 70);
    EXPECT_EQ(std::to_string(tiles.rows()), one.find("grid")->items[0].text) << name;
    EXPECT_EQ(std::to_string(tiles.columns()), one.find("grid")->items[1].text) << name;
    const at::Tensor tokens = language.picture(vision, tiles, vision.look(tiles));
    EXPECT_EQ(std::to_string(tokens.size(0)), one.find("picture_tokens")->text) << name;
    const std::vector<std::int32_t> map = ids_of(*one.find("unpadded"));
    reduced |= tokens.size(0) < 25 + map[0] * (map[1] + 1);
    std::vector<Turn> dialogue;
    std::string question = one.find("question")->text;
    for (const JsonValue& turn : one.find("turns")->items) {
      std::vector<std::int32_t> ids =
          prompt_ids(language.tokenizer(), prompt_parts("", dialogue, question, 1));
      const at::Tensor sequence = language.sequence(ids, {tokens});
      EXPECT_EQ(std::to_string(sequence.size(0)), turn.find("sequence_length")->text) << name;
      std::vector<std::int32_t> expected = ids_of(*turn.find("prompt_ids"));
      ASSERT_EQ(ids.size(), expected.size());
      for (std::size_t i = 0; i < ids.size(); ++i)
        EXPECT_TRUE(ids[i] < 0 || ids[i] == expected[i]) << name << " id " << i;
      nn::KvCache cache = language.decoder().cache(sequence.size(0));
      const at::Tensor scores =
          language.decoder().logits(language.decoder().prefill(cache, sequence));
      const at::Tensor peers = numbers_of(*turn.find("logits"));
      ASSERT_EQ(scores.sizes(), peers.sizes());
      EXPECT_LT((scores - peers).abs().max().item<double>() / peers.abs().max().item<double>(),
                1e-4)
          << name;
      ASSERT_GT(std::strtod(turn.find("least_margin")->text.c_str(), nullptr), 2e-3);
      nn::Writer writer(language.decoder(), 1);
      writer.add({.embeds = sequence, .most_tokens = 20});
      std::vector<nn::WrittenText> done;
      while ((done = writer.step()).empty()) {
      }
      EXPECT_EQ(done[0].ids, ids_of(*turn.find("greedy_ids"))) << name;
      dialogue.push_back({.question = question, .answer = turn.find("text")->text});
      question = one.find("second")->text;
    }
  }
  EXPECT_TRUE(reduced) << "no picture whose map is made smaller";
}

std::unique_ptr<Adapter> made(Arguments arguments, int batch_size = 4) {
  const auto catalogue = adapters::adapter_catalogue();
  const auto found = std::ranges::find(catalogue, "anomaly_ov", &AdapterEntry::name);
  arguments.try_emplace("checkpoint", data("checkpoint").string());
  arguments.try_emplace("expert", "none");
  return found->make(arguments, {.batch_size = batch_size, .threads = 1});
}

// turn: 0 or 1.
Request request(const JsonValue& one, std::size_t turn) {
  const std::string& name = one.find("picture")->text;
  Request made{.key = name + "." + std::to_string(turn)};
  made.image =
      Picture(name + ".png", {.path = data("images/" + name + ".png")}, imaging::make_codec());
  made.question = {.text = one.find(turn == 0 ? "question" : "second")->text,
                   .wanted = {.score = true, .map = true, .text = true},
                   .decoding = {.max_new_tokens = 20}};
  if (turn > 0)
    made.dialogue = {{.question = one.find("question")->text,
                      .answer = one.find("turns")->items[0].find("text")->text}};
  return made;
}

std::vector<Request> requests() {
  std::vector<Request> all;
  for (const std::size_t turn : {0u, 1u})
    for (const JsonValue& one : cases().items) all.push_back(request(one, turn));
  return all;
}

const JsonValue& expected(const std::string& key) {
  for (const JsonValue& one : cases().items)
    if (key.starts_with(one.find("picture")->text + "."))
      return one.find("turns")->items[key.back() == '1' ? 1 : 0];
  throw std::runtime_error("no case " + key);
}

// Through the adapter; all on one device, and its layers on "two".
TEST(BaseModel, AnswersAsTransformersDoesAndGivesNoScore) {
  for (const char* map : {"", "cpu:0;cpu:1-2", "cpu:0-0/cpu:1-1/cpu:2-2"}) {
    const auto adapter = made({{"device_map", map}});
    const auto replies = served(*adapter, requests());
    ASSERT_EQ(replies.size(), 8u);
    for (const Prediction& reply : replies) {
      ASSERT_EQ(reply.status, Status::answered) << reply.error;
      EXPECT_EQ(reply.text, expected(reply.key).find("text")->text) << reply.key << map;
      EXPECT_EQ(std::to_string(reply.usage.input_tokens),
                expected(reply.key).find("sequence_length")->text);
      EXPECT_FALSE(reply.score);
      EXPECT_FALSE(reply.map);
    }
    const auto facts = adapter->facts();
    EXPECT_EQ(facts.at("expert weights"), "none");
    EXPECT_EQ(facts.contains("device map"), *map != 0);
    if (!std::string(map).starts_with("cpu:0;")) continue;
    EXPECT_EQ(facts.at("device map"), "cpu: pictures, embedding, layer 0; cpu: layers 1-2, head");
  }
}

TEST(BaseModel, AQuestionForAScoreAloneFailsByName) {
  const auto adapter = made({});
  Request asked = request(cases().items[0], 0);
  asked.question.wanted = {.score = true, .map = true};
  const Prediction reply = served(*adapter, {asked}).at(0);
  EXPECT_EQ(reply.status, Status::failed);
  EXPECT_TRUE(names_all(reply.error, {"base model"})) << reply.error;
  EXPECT_TRUE(names_all(refusal(Kind::usage,
                                [] {
                                  (void)made({{"words", "false"}});
                                }),
                        {"words=false", "expert=none"}));
}

TEST(BaseModel, ADeviceMapThatDoesNotFitIsRefusedByName) {
  for (const auto& [map, word] :
       {std::pair("cpu:0-1", "layer 2"), std::pair("cpu:0-3", "layer 3"),
        std::pair("cpu:0;cpu:2", "layer 1"), std::pair("cpu:0-1;cpu:1-2", "layer 1"),
        std::pair("gpu:0-2", "gpu:0-2"), std::pair("0:0-1;1:2-9", "layer 9")})
    EXPECT_TRUE(names_all(refusal(Kind::usage,
                                  [&] {
                                    (void)made({{"device_map", map}});
                                  }),
                          {"model anomaly_ov", "device_map", word}))
        << map;
}

}  // namespace
}  // namespace looktwice::anomaly_ov
