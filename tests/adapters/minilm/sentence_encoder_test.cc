// Against sentence-transformers: a narrow random model that always runs, and the real
// all-MiniLM-L6-v2 where ./scripts/setup sbert has put it.
#include "adapters/minilm/sentence_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>

#include "adapters/minilm/weights_folder.h"
#include "metrics/text/bert_score.h"
#include "tests/adapters/tokenizers/json_lines.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"
#include "tests/support/safetensors.h"

namespace looktwice::minilm {
namespace {

namespace fs = std::filesystem;
using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::TemporaryFolder;

std::vector<std::string> tiny_texts() {
  const fs::path path = test::fixture_path("text/tiny_sbert_texts.json");
  const std::vector<std::byte> bytes = test::bytes_of(path);
  std::vector<std::string> texts;
  for (const JsonValue& text :
       parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string())
           .items)
    texts.push_back(text.text);
  return texts;
}

double largest_difference(const std::vector<std::vector<float>>& rows,
                          const std::vector<float>& expected) {
  double largest = 0;
  std::size_t at = 0;
  for (const std::vector<float>& row : rows)
    for (const float value : row)
      largest = std::max(largest, std::fabs(static_cast<double>(value) - expected.at(at++)));
  EXPECT_EQ(at, expected.size());
  return largest;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TEST(SentenceEncoderParity, TinyModel) {
  LOOKTWICE_NEEDS_FIXTURE("text/tiny_sbert/model.safetensors");
  const SentenceEncoder encoder(test::fixture_path("text/tiny_sbert"));
  const test::Safetensors expected(test::fixture_path("text/tiny_sbert_expected.safetensors"));
  const std::vector<std::string> texts = tiny_texts();
  EXPECT_LT(largest_difference(encoder.encode(texts), expected["embeddings"].as<float>()), 1e-5);

  const test::Tensor& states = expected["text1.hidden_states"];
  const std::vector<float> all = states.as<float>();
  const std::size_t size = all.size() / static_cast<std::size_t>(states.shape[0]);
  for (int layer = 0; layer < static_cast<int>(states.shape[0]); ++layer) {
    const auto found = encoder.token_states(std::vector{texts[1]}, layer);
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(layer * size);
    EXPECT_LT(
        largest_difference({found[0].values}, {begin, begin + static_cast<std::ptrdiff_t>(size)}),
        1e-5)
        << "layer " << layer;
  }
}

TEST(SentenceEncoderParity, RealModel) {
  const std::optional<fs::path> folder = weights_folder();
  if (!folder) GTEST_SKIP() << "all-MiniLM-L6-v2 is not here; ./scripts/setup sbert fetches it";
  LOOKTWICE_NEEDS_FIXTURE("text/sbert.safetensors");
  const SentenceEncoder encoder(*folder, {.threads = 2});
  const test::Safetensors expected(test::fixture_path("text/sbert.safetensors"));
  std::vector<std::string> texts;
  for (const JsonValue& line : test::json_lines(test::fixture_path("text/sbert_sentences.jsonl")))
    texts.push_back(line.find("text")->text);
  const std::vector<std::vector<float>> found = encoder.encode(texts);
  EXPECT_LT(largest_difference(found, expected["embeddings"].as<float>()), 1e-5);
  std::size_t pairs = 0;
  for (const JsonValue& pair : test::json_lines(test::fixture_path("text/sbert_pairs.jsonl"))) {
    const auto index = [&](const char* name) {
      return static_cast<std::size_t>(std::atoi(pair.find(name)->text.c_str()));
    };
    EXPECT_NEAR(cosine(found[index("a")], found[index("b")]),
                std::atof(pair.find("cosine")->text.c_str()), 1e-5);
    ++pairs;
  }
  EXPECT_GT(pairs, 200U);
}

// scripts/golden/tiny_mpnet.py
TEST(SentenceEncoderParity, TinyMpnet) {
  const SentenceEncoder encoder(test::data_path("tiny_mpnet"));
  const std::vector<JsonValue> expected =
      test::json_lines(test::data_path("tiny_mpnet/expected.json"));
  std::vector<std::string> texts;
  for (const JsonValue& text : expected[0].find("texts")->items) texts.push_back(text.text);
  const auto states = encoder.token_states(texts);
  const auto found = encoder.encode(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    // States of tokens are cut at what the model has places for, embeddings at max_seq_length.
    std::vector<std::int32_t> ids = states[i].ids;
    if (ids.size() > encoder.most_tokens()) {
      ids.resize(encoder.most_tokens());
      ids.back() = states[i].ids.back();
    }
    EXPECT_EQ(ids, test::ids_of(expected[0].find("ids")->items[i])) << i;
    std::vector<float> row;
    for (const JsonValue& value : expected[0].find("embeddings")->items[i].items)
      row.push_back(std::strtof(value.text.c_str(), nullptr));
    EXPECT_LT(largest_difference({found[i]}, row), 1e-5) << i;
  }
}

// scripts/golden/bert_score_golden.py
void expect_bert_scores(const fs::path& folder, const std::string& name) {
  const fs::path file = test::data_path("text/bert_score.json");
  const std::vector<std::byte> bytes = test::bytes_of(file);
  const JsonValue golden =
      parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
  const std::vector<JsonValue>& pairs = golden.find("pairs")->items;
  std::vector<std::string> texts;
  for (const JsonValue& pair : pairs)
    for (const JsonValue& text : pair.items) texts.push_back(text.text);
  const SentenceEncoder encoder(folder);
  const JsonValue* scores = golden.find("scores")->find(name);
  ASSERT_TRUE(scores);
  int layers_seen = 0;
  for (int layer = 0; layer <= encoder.layers(); ++layer) {
    const JsonValue* rows = scores->find(std::to_string(layer));
    if (!rows) continue;
    ++layers_seen;
    const std::vector<TokenStates> states = encoder.token_states(texts, layer);
    metrics::TokenRarity rarity;
    for (std::size_t i = 0; i < pairs.size(); ++i) rarity.add(states[2 * i + 1].ids);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const TokenStates &a = states[2 * i], &b = states[2 * i + 1];
      metrics::TokenMatches answer{a.ids, {}, a.counted}, reference{b.ids, {}, b.counted};
      metrics::best_matches(a.values, b.values, static_cast<std::size_t>(encoder.hidden()),
                            answer.best, reference.best);
      std::vector<double> found;
      for (const metrics::TokenRarity* weights : {(metrics::TokenRarity*)nullptr, &rarity}) {
        const auto score =
            metrics::bert_score(answer, reference, weights).value_or(metrics::BertScore{});
        found.insert(found.end(), {score.precision, score.recall, score.f});
      }
      for (std::size_t k = 0; k < found.size(); ++k)
        EXPECT_NEAR(found[k], std::atof(rows->items[i].items[k].text.c_str()), 1e-5)
            << name << " layer " << layer << " pair " << i << " value " << k << ": "
            << texts[2 * i].substr(0, 100);
    }
  }
  EXPECT_EQ(layers_seen, 2);
}

TEST(BertScoreParity, TinyMpnet) {
  expect_bert_scores(test::data_path("tiny_mpnet"), "tiny_mpnet");
}

TEST(BertScoreParity, TinyModel) {
  LOOKTWICE_NEEDS_FIXTURE("text/tiny_sbert/model.safetensors");
  expect_bert_scores(test::fixture_path("text/tiny_sbert"), "tiny_sbert");
}

TEST(BertScoreParity, RealModel) {
  const std::optional<fs::path> folder = weights_folder();
  if (!folder) GTEST_SKIP() << "all-MiniLM-L6-v2 is not here; ./scripts/setup sbert fetches it";
  expect_bert_scores(*folder, "all-MiniLM-L6-v2");
}

// Rounding to 8 bits in each of six layers; how far that moves a unit vector is measured, with
// room.
TEST(SentenceEncoderParity, Bf16IsNear) {
  const std::optional<fs::path> folder = weights_folder();
  if (!folder) GTEST_SKIP() << "all-MiniLM-L6-v2 is not here; ./scripts/setup sbert fetches it";
  std::vector<std::string> texts = tiny_texts();
  for (int i = 0; i < 20; ++i) texts.push_back("part " + std::to_string(i * i) + " is scratched");
  const auto exact = SentenceEncoder(*folder).encode(texts),
             near = SentenceEncoder(*folder, {.dtype = "bf16"}).encode(texts);
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_GT(cosine(exact[i], near[i]), 0.9999) << texts[i].substr(0, 100);
}

// How texts are put together must not show, but for rounding (2.5e-7 in sentence-transformers).
TEST(SentenceEncoder, CompanyOrderAndThreadsChangeNothingButRounding) {
  LOOKTWICE_NEEDS_FIXTURE("text/tiny_sbert/model.safetensors");
  std::vector<std::string> texts = tiny_texts();
  for (int i = 0; i < 40; ++i) texts.push_back("part " + std::to_string(i * i) + " is scratched");
  const fs::path folder = test::fixture_path("text/tiny_sbert");
  const std::vector<std::vector<float>> whole = SentenceEncoder(folder).encode(texts);
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(3);
  for (const std::int64_t tokens : {1, 7, 300}) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::string> shuffled;
    for (const std::size_t i : order) shuffled.push_back(texts[i]);
    shuffled.push_back(shuffled.front());  // a text that comes again
    const auto found =
        SentenceEncoder(folder, {.threads = 2, .batch_tokens = tokens}).encode(shuffled);
    for (std::size_t i = 0; i < order.size(); ++i)
      EXPECT_LT(largest_difference({found[i]}, whole[order[i]]), 1e-6) << tokens << ", " << i;
    EXPECT_EQ(found.back(), found.front());
  }
}

TEST(SentenceEncoder, HostileTextsAreTexts) {
  LOOKTWICE_NEEDS_FIXTURE("text/tiny_sbert/model.safetensors");
  const SentenceEncoder encoder(test::fixture_path("text/tiny_sbert"));
  const auto found = encoder.encode(std::vector<std::string>{
      "\xff\xfe\x00", std::string(1 << 20, 'a'), std::string(1 << 18, ' '), "[SEP][CLS][PAD]"});
  for (const std::vector<float>& row : found) {
    EXPECT_EQ(row.size(), static_cast<std::size_t>(encoder.size()));
    EXPECT_TRUE(std::ranges::all_of(row, [](float v) { return std::isfinite(v); }));
  }
  EXPECT_TRUE(encoder.encode({}).empty());
}

class BrokenFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    LOOKTWICE_NEEDS_FIXTURE("text/tiny_sbert/model.safetensors");
    fs::copy(test::fixture_path("text/tiny_sbert"), folder_.path() / "m",
             fs::copy_options::recursive);
  }
  void change(const std::string& file, const std::string& from, const std::string& to) {
    const fs::path path = folder_.path() / "m" / file;
    std::ifstream in(path);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(path) << text;
  }
  std::string message() {
    return refusal(Kind::model, [&] { SentenceEncoder(folder_.path() / "m"); });
  }
  TemporaryFolder folder_;
};

TEST_F(BrokenFolder, AnotherArchitectureIsNamed) {
  change("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"roberta\"");
  EXPECT_TRUE(names_all(message(), {"config.json", "model_type", "roberta", "mpnet"})) << message();
}

TEST_F(BrokenFolder, SizesThatDoNotFitAreListed) {
  change("config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 48");
  EXPECT_TRUE(names_all(message(), {"encoder.layer.0.intermediate.dense.weight",
                                    "encoder.layer.1.output.dense.weight", "[40, 16]"}))
      << message();
}

TEST_F(BrokenFolder, AMissingFileIsNamed) {
  fs::permissions(folder_.path() / "m", fs::perms::owner_all, fs::perm_options::add);
  fs::remove(folder_.path() / "m/config.json");
  EXPECT_TRUE(names_all(message(), {"config.json"})) << message();
}

TEST_F(BrokenFolder, APoolingThatIsNotBuiltIsNamed) {
  change("1_Pooling/config.json", "\"pooling_mode_mean_tokens\": true",
         "\"pooling_mode_mean_tokens\": false");
  EXPECT_TRUE(names_all(message(), {"1_Pooling", "pooling_mode_mean_tokens"})) << message();
}

TEST_F(BrokenFolder, AModuleOutsideTheFolderIsRefused) {
  change("modules.json", "\"1_Pooling\"", "\"../1_Pooling\"");
  EXPECT_TRUE(names_all(message(), {"modules.json", "within the folder"})) << message();
}

}  // namespace
}  // namespace looktwice::minilm
