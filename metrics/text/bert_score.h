// BERTScore: how well the tokens of an answer find tokens alike in its reference, and the other way
// round, by the cosine of their states in an encoder. Equal to bert_score 0.3.13 without baseline
// rescaling. Not here: encoders. Source: Zhang et al. 2020.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace looktwice::metrics {

// One text's tokens. Each finds the token of the other text (any, [CLS] and [SEP] too) that is
// nearest to it; `best` is their cosine.
struct TokenMatches {
  std::vector<std::int32_t> ids = {};
  std::vector<float> best = {};
  std::vector<std::uint8_t> counted = {};  // 0: [CLS], [SEP]; they find, but do not count
};

// states[tokens][width] of two texts to the nearest cosine of each token, in double. A token whose
// state is all zero is at cosine 0 to every other.
void best_matches(std::span<const float> a, std::span<const float> b, std::size_t width,
                  std::vector<float>& best_of_a, std::vector<float>& best_of_b);

struct BertScore {
  double precision = 0;  // mean over the answer's tokens
  double recall = 0;     // mean over the reference's
  double f = 0;          // harmonic mean
};

// Weights of tokens by how few references have them: log((n + 1) / (references with it + 1)), as
// bert_score's idf=True; [CLS] and [SEP], which all have, weigh 0.
class TokenRarity {
 public:
  void add(std::span<const std::int32_t> reference_ids);
  double weight(std::int32_t id) const;

 private:
  std::map<std::int32_t, std::int64_t> references_with_ = {};
  std::int64_t references_ = 0;
};

// rarity: nullptr: all counted tokens alike. All 0 where a text has no token of its own; empty when
// no token of a text has a weight.
std::optional<BertScore> bert_score(const TokenMatches& answer, const TokenMatches& reference,
                                    const TokenRarity* rarity = nullptr);

}  // namespace looktwice::metrics
