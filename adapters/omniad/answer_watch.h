// How likely a model held each possible answer, from the scores of the token with which it
// answered: letters of options, or yes and no. Not here: what the answer is read as (suites).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/tokenizers/qwen.h"
#include "harness/core/sample.h"

namespace looktwice::omniad {

class AnswerWatch {
 public:
  // Without options yes and no are watched.
  AnswerWatch(const tokenizers::QwenTokenizer& tokenizer, std::span<const Option> options);

  // Of the next token, before penalties: all of them.
  void look(std::span<const float> scores);

  // Option letter -> its share among the options, at the token with which the answer begins: behind
  // the last "<answer>" that was written; without one, the first token that is a letter, else the
  // first of all. Empty: no options, or not watched.
  std::map<std::string, double> likelihoods(std::span<const std::int32_t> written) const;
  // P(yes) / (P(yes) + P(no)) at the same place; with options: of that one whose text says yes,
  // where one says yes and another no.
  std::optional<double> yes_share(std::span<const std::int32_t> written) const;

 private:
  struct Word {
    std::string text = {};
    std::vector<std::int32_t> ids = {};  // ways to write it as one token
  };
  std::size_t step_of(std::span<const std::int32_t> written) const;
  // At one step: each word's share among all.
  std::vector<double> shares(std::size_t step) const;

  const tokenizers::QwenTokenizer& tokenizer_;
  std::vector<Word> words_ = {};
  bool has_options_ = false;
  std::optional<std::size_t> yes_ = {}, no_ = {};
  std::vector<float> scores_ = {};  // [step][word]: log of the sum over its ids
  std::size_t steps_ = 0;
};

}  // namespace looktwice::omniad
