// ROUGE-1, -2, -L and -Lsum of a candidate text against a reference. Equal to rouge_score 0.1.2,
// Google's implementation, which papers use. Not here: groups of questions, means, files. Sources:
// Lin 2004; rouge_score/rouge_scorer.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/text/lcs.h"
#include "metrics/text/rouge_words.h"

namespace looktwice::metrics {

// In [0, 1]; all 0 where nothing is shared or a text has no word.
struct RougeScore {
  double precision = 0;  // shared / candidate
  double recall = 0;     // shared / reference
  double f = 0;          // harmonic mean of both
};

enum class Rouge {
  n1,    // words, counted as often as both have them
  n2,    // pairs of neighbouring words
  l,     // longest common subsequence of words
  lsum,  // the same line by line: union over the candidate's lines, each word used once
};

// One thread at a time; keeps its memory from pair to pair.
class RougeScorer {
 public:
  // stem: Porter's stemmer for words of more than three letters.
  explicit RougeScorer(bool stem = false) : words_(stem) {}
  // Of words that somebody else cuts: texts that are not in Latin letters.
  explicit RougeScorer(WordCutter cutter) : words_(std::move(cutter)) {}

  RougeScore score(Rouge kind, std::string_view reference, std::string_view candidate);
  // Of several references the one with the largest F, of equal ones the first. Empty: all 0.
  RougeScore score(Rouge kind, std::span<const std::string> references, std::string_view candidate);

  // Words cut by somebody else; a token is any number.
  RougeScore score(Rouge kind, std::span<const Token> reference, std::span<const Token> candidate);

 private:
  struct Lines {
    std::vector<Token> tokens = {};
    std::vector<std::size_t> ends = {};
    std::span<const Token> line(std::size_t i) const;
  };
  std::size_t shared_words(std::span<const Token> reference, std::span<const Token> candidate);
  std::size_t shared_pairs(std::span<const Token> reference, std::span<const Token> candidate);
  RougeScore by_line(std::string_view reference, std::string_view candidate);

  RougeWords words_;
  LongestCommonSubsequence common_ = {};
  std::vector<Token> reference_ = {}, candidate_ = {};
  std::vector<std::uint32_t> counts_ = {}, left_ = {};
  std::vector<std::uint64_t> pairs_ = {}, other_pairs_ = {};
  Lines reference_lines_ = {}, candidate_lines_ = {};
  std::vector<std::uint32_t> places_ = {};
};

}  // namespace looktwice::metrics
