// From pictures and questions to words, against the official implementation: prompts, the sequence
// of embeddings, the first scores, the greedy answer; and the same with earlier turns remembered.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>

#include "adapters/anomaly_ov/language.h"
#include "adapters/anomaly_ov/prompt.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "harness/core/json_value.h"
#include "tests/support/device_or_why.h"
#include "tests/support/files.h"
#include "tests/support/qwen_vocabulary.h"
#include "tests/support/safetensors.h"

namespace looktwice::anomaly_ov {
namespace {

using test::fixture_path;
using test::Safetensors;

struct Model {
  explicit Model(at::Device device)
      : vision(checkpoint, {.device = device}),
        language(folder.path(), checkpoint.model, device, at::kFloat) {}
  test::WithTokenizer folder{fixture_path("anomaly_ov/checkpoint")};
  CheckpointFolder checkpoint = checkpoint_folder({.checkpoint = folder.path()});
  Vision vision;
  Language language;
};
std::string device_name = "cpu";  // of the running test
Model& model() {
  nn::use_threads(1);  // tests run beside each other
  static std::map<std::string, std::unique_ptr<Model>> made;
  auto& own = made[device_name];
  if (!own) own = std::make_unique<Model>(nn::device_named(device_name));
  return *own;
}

const JsonValue& cases() {
  static const JsonValue root = [] {
    const auto bytes = test::bytes_of(fixture_path("anomaly_ov/manifest.json"));
    return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                       "manifest.json");
  }();
  return *root.find("cases");
}

std::vector<std::int32_t> ids_of(const JsonValue& list) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

at::Tensor tensor(const test::Tensor& stored, at::ScalarType type) {
  return at::from_blob(const_cast<std::byte*>(stored.bytes.data()), stored.shape, type).clone();
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return 1e9;
  return (found.cpu() - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

at::Tensor picture(const std::string& name, bool grid) {
  static std::map<std::string, at::Tensor> seen;
  at::Tensor& tokens = seen[device_name + name + (grid ? "" : " alone")];
  if (tokens.defined()) return tokens;
  const Image image = imaging::make_codec()->decode(
      test::bytes_of(fixture_path("anomaly_ov/images/" + name + ".png")));
  const Tiles tiles = tiles_of(image, 384, grid);
  return tokens = model().language.picture(model().vision, tiles, model().vision.look(tiles));
}

// The questions of a prompt and the given answers.
struct Asked {
  std::vector<std::int32_t> ids;
  std::vector<at::Tensor> pictures;
};
Asked asked(const std::string& name) {
  const JsonValue& one = *cases().find(name);
  const std::string& prompt = one.find("prompt")->text;
  std::vector<Turn> dialogue;
  std::string question;
  const std::string begin = "<|im_start|>user\n", end = "<|im_end|>\n", picture_mark = "<image>\n";
  std::size_t turn = 0;
  for (std::size_t at = 0; (at = prompt.find(begin, at)) != std::string::npos; ++turn) {
    at += begin.size();
    std::string text = prompt.substr(at, prompt.find(end, at) - at);
    while (text.starts_with(picture_mark)) text.erase(0, picture_mark.size());
    if (turn > 0)
      dialogue.push_back(
          {.question = question, .answer = one.find("history")->items[turn - 1].text});
    question = text;
  }
  Asked made;
  const bool two = name == "two_views";
  const auto parts = prompt_parts("", dialogue, question, two ? 2 : 1);
  std::string joined = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) joined += "<image>" + parts[i];
  EXPECT_EQ(joined, prompt) << name;
  made.ids = prompt_ids(model().language.tokenizer(), parts);
  if (two)
    made.pictures = {picture("wide", false), picture("tall", false)};
  else
    made.pictures = {picture(name.substr(0, name.find('.')), true)};
  return made;
}

nn::WrittenText written(const Asked& question, float penalty,
                        std::optional<nn::KvCache> start = {}) {
  nn::Writer writer(model().language.decoder(), 1);
  writer.add({.embeds = model().language.sequence(question.ids, question.pictures),
              .start = std::move(start),
              .sampling = {.repetition_penalty = penalty},
              .stop_ids = model().language.config().stop_ids,
              .most_tokens = 16});
  for (;;)
    if (auto done = writer.step(); !done.empty()) return std::move(done[0]);
}

// On the CPU and, where there is one, on a GPU.
class LanguageParity : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const std::string why = test::why_no_device(GetParam()); !why.empty()) GTEST_SKIP() << why;
    device_name = GetParam();
  }
};

TEST_P(LanguageParity, PromptsAndAnswersOfEveryCase) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  EXPECT_FLOAT_EQ(model().language.config().repetition_penalty, 1.1f);
  EXPECT_EQ(model().language.config().stop_ids, (std::vector<std::int32_t>{151645, 151643}));
  const Safetensors expected(fixture_path("anomaly_ov/logits.safetensors"));
  const Safetensors embeds(fixture_path("anomaly_ov/embeds.safetensors"));
  int seen = 0;
  for (const auto& [name, one] : cases().members) {
    if (!one.find("greedy_ids")) continue;
    const Asked question = asked(name);
    EXPECT_EQ(question.ids, ids_of(*one.find("input_ids"))) << name;
    const at::Tensor sequence = model().language.sequence(question.ids, question.pictures);
    EXPECT_EQ(std::to_string(sequence.size(0)), one.find("sequence_length")->text) << name;
    if (embeds.all().contains(name)) {
      EXPECT_LT(difference(sequence, tensor(embeds[name], at::kFloat)), 5e-5) << name;
    }
    nn::KvCache cache = model().language.decoder().cache(sequence.size(0));
    const at::Tensor scores =
        model().language.decoder().logits(model().language.decoder().prefill(cache, sequence));
    for (const char* part : {".top", ".sample"}) {
      const at::Tensor ids = tensor(expected[name + part + "_ids"], at::kLong);
      EXPECT_LT(difference(scores.cpu().index_select(0, ids),
                           tensor(expected[name + part + "_values"], at::kFloat)),
                1e-4)
          << name;
    }
    const nn::WrittenText text = written(question, 1.1f);
    EXPECT_EQ(text.ids, ids_of(*one.find("greedy_ids"))) << name;
    EXPECT_EQ(model().language.tokenizer().decode(text.ids, true), one.find("greedy_text")->text)
        << name;
    ++seen;
  }
  EXPECT_EQ(seen, 9);
}

TEST_P(LanguageParity, ALargeGridIsReduced) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const Safetensors embeds(fixture_path("anomaly_ov/embeds.safetensors"));
  const Asked like = asked("wide.detection");  // the same words
  const at::Tensor sequence = model().language.sequence(like.ids, {picture("large", true)});
  EXPECT_EQ(std::to_string(sequence.size(0)),
            cases().find("large.no_pre_resize")->find("sequence_length")->text);
  EXPECT_LT(difference(sequence.slice(0, 0, c10::nullopt, 7),
                       tensor(embeds["large.no_pre_resize.every7th"], at::kFloat)),
            5e-5);
}

TEST_P(LanguageParity, ARememberedPrefixChangesNoToken) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const Asked first = asked("tall.reasoning_live0"), second = asked("tall.reasoning_live1"),
              third = asked("tall.reasoning_live2");
  Memory memory{.tokens = first.pictures[0], .ids = first.ids};
  nn::WrittenText text = written(first, 1.1f);
  for (const auto& [name, next] :
       {std::pair("tall.reasoning_live1", &second), std::pair("tall.reasoning_live2", &third)}) {
    memory.ids.insert(memory.ids.end(), text.ids.begin(), text.ids.end());
    memory.cache = std::move(text.cache);
    auto start = shared_prefix(memory, next->ids);
    ASSERT_TRUE(start);
    EXPECT_GT(start->length(), 1900);
    text = written(*next, 1.1f, std::move(start));
    EXPECT_EQ(text.ids, ids_of(*cases().find(name)->find("greedy_ids"))) << name;
    EXPECT_GT(text.reused_tokens, 1900);
    memory.ids = next->ids;
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, LanguageParity, ::testing::Values("cpu", "cuda:0"),
                         [](const auto& given) {
                           return std::string(given.param) == "cpu" ? "Cpu" : "Cuda";
                         });

}  // namespace
}  // namespace looktwice::anomaly_ov
