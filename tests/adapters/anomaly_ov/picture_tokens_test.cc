// The sentence about how suspicious a picture is, at the bounds between its words. How tokens stand
// in the sequence is held against the official code in language_parity_test.cc.
#include "adapters/anomaly_ov/picture_tokens.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "adapters/tokenizers/qwen.h"
#include "tests/support/pictures.h"
#include "tests/support/qwen_vocabulary.h"

namespace looktwice::anomaly_ov {
namespace {

constexpr std::int32_t kSlightly = 10078, kModerately = 69251, kHighly = 7548;

// llava_arch.py:417-427: < 0.3 slightly, < 0.7 moderately, else highly, of a float tensor. Each row
// was asked of PyTorch 2.11: torch.tensor(score, dtype=torch.float32) < 0.3, < 0.7.
TEST(Sentence, ABoundBelongsToTheStrongerWord) {
  const std::vector<std::pair<double, std::int32_t>> table = {
      {0.0, kSlightly},
      {std::nextafter(0.3F, 0.0F), kSlightly},    // 0.29999998
      {0.3, kModerately},                         // as a float 0.3000000119
      {0.3F, kModerately},                        //
      {std::nextafter(0.3F, 1.0F), kModerately},  //
      {0.5, kModerately},                         //
      {std::nextafter(0.7F, 0.0F), kModerately},  // 0.69999993
      {0.7, kHighly},                             //
      {0.7F, kHighly},                            // 0.6999999881, smaller than 0.7
      {std::nextafter(0.7F, 1.0F), kHighly},      //
      {1.0, kHighly},
      // Numbers of bfloat16 around the bounds, which the released code has at run time.
      {0.298828125, kSlightly},
      {0.30078125, kModerately},
      {0.6953125, kModerately},
      {0.703125, kHighly}};
  for (const auto& [score, word] : table) {
    const auto ids = sentence_ids(score);
    EXPECT_EQ(ids[1], word) << score;
    EXPECT_EQ((std::array{ids[0], ids[2], ids[3], ids[4], ids[5]}),
              (std::array<std::int32_t, 5>{4197, 31327, 4419, 25, 220}));
  }
}

TEST(Sentence, IsWhatTheTokenizerMakesOfItsWords) {
  const testing::TemporaryFolder folder;
  test::write_qwen_vocabulary(folder.path());
  const tokenizers::QwenTokenizer tokenizer(folder.path());
  for (const auto& [score, word] :
       {std::pair(0.1, "slightly"), std::pair(0.5, "moderately"), std::pair(0.9, "highly")}) {
    const auto ids = sentence_ids(score);
    EXPECT_EQ(tokenizer.encode("with " + std::string(word) + " suspicious features: "),
              std::vector<std::int32_t>(ids.begin(), ids.end()));
  }
}

}  // namespace
}  // namespace looktwice::anomaly_ov
