// How much of an earlier prompt serves a later one.
#include "adapters/nn/prompt.h"

#include <gtest/gtest.h>

#include "harness/core/error.h"
#include "tests/support/pictures.h"

namespace looktwice::nn {
namespace {

// Pictures -1 and -2 have 10 and 20 rows.
std::int64_t shared(const PromptIds& held, const PromptIds& wanted, std::int64_t cached) {
  return shared_tokens(held, wanted, cached, [](std::int32_t id) { return -10 * id; });
}

TEST(SharedTokens, CountPicturesByTheirRows) {
  EXPECT_EQ(shared({1, -1, 2}, {1, -1, 2, 3}, 12), 12);
  EXPECT_EQ(shared({1, -1, 2}, {1, -1, 4, 3}, 12), 11);
  EXPECT_EQ(shared({1, -1, 2}, {1, -2, 2, 3}, 12), 1);
  EXPECT_EQ(shared({5}, {1, 2}, 1), 0);
}

TEST(SharedTokens, LeaveTheLastTokenToBeComputed) {
  EXPECT_EQ(shared({1, 2, 3}, {1, 2, 3}, 3), 2);
  EXPECT_EQ(shared({1, -1}, {1, -1}, 11), 1);
  EXPECT_EQ(shared({}, {}, 0), 0);
}

TEST(SharedTokens, EndWhereTheCacheDoes) {
  EXPECT_EQ(shared({1, 2, 3, 4}, {1, 2, 3, 4, 5}, 3), 3);
  EXPECT_EQ(shared({1, -1, 2}, {1, -1, 2, 3}, 6), 1);  // half a picture is none
}

GenerationConfig read(const std::string& config, const std::string& generation = {}) {
  const looktwice::testing::TemporaryFolder folder;
  folder.file("config.json", config);
  if (!generation.empty()) folder.file("generation_config.json", generation);
  return generation_config(folder.path());
}

TEST(GenerationConfig, ItsOwnFileWinsOverTheModels) {
  const GenerationConfig alone = read(R"({"eos_token_id": 7})");
  EXPECT_EQ(alone.stop_ids, std::vector<std::int32_t>{7});
  EXPECT_EQ(alone.repetition_penalty, 1.0f);
  const GenerationConfig both =
      read(R"({"eos_token_id": 7})", R"({"eos_token_id": [8, 9], "repetition_penalty": 1.5})");
  EXPECT_EQ(both.stop_ids, (std::vector<std::int32_t>{8, 9}));
  EXPECT_EQ(both.repetition_penalty, 1.5f);
}

TEST(GenerationConfig, MistakesNameTheFile) {
  for (const auto& [config, generation] :
       {std::pair("{}", R"({"repetition_penalty": 0})"), std::pair("{}", "[1"), std::pair("[", ""),
        std::pair("{}", R"({"repetition_penalty": "1.1"})"), std::pair("{}", "[1]"),
        std::pair("{}", R"({"repetition_penalty": true})"),
        std::pair("{}", R"({"eos_token_id": []})")})
    try {
      read(config, generation);
      FAIL() << config << generation;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::model);
      EXPECT_NE(std::string(error.what()).find("config.json"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace looktwice::nn
