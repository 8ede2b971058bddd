#include "metrics/text/rouge.h"

#include <algorithm>

namespace looktwice::metrics {
namespace {

RougeScore score_of(std::size_t shared, std::size_t reference, std::size_t candidate) {
  if (shared == 0) return {};
  RougeScore score = {
      .precision = static_cast<double>(shared) / static_cast<double>(candidate),
      .recall = static_cast<double>(shared) / static_cast<double>(reference),
  };
  score.f = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

std::size_t less_one(std::size_t words) {
  return words == 0 ? 0 : words - 1;
}

void sorted_pairs(std::span<const Token> tokens, std::vector<std::uint64_t>& pairs) {
  pairs.clear();
  for (std::size_t i = 1; i < tokens.size(); ++i)
    if (tokens[i - 1] != kNoToken && tokens[i] != kNoToken)
      pairs.push_back(std::uint64_t{tokens[i - 1]} << 32 | tokens[i]);
  std::sort(pairs.begin(), pairs.end());
}

}  // namespace

std::span<const Token> RougeScorer::Lines::line(std::size_t i) const {
  const std::size_t start = i == 0 ? 0 : ends[i - 1];
  return std::span(tokens).subspan(start, ends[i] - start);
}

std::size_t RougeScorer::shared_words(std::span<const Token> reference,
                                      std::span<const Token> candidate) {
  counts_.clear();
  for (const Token token : reference) {
    if (token == kNoToken) continue;
    if (token >= counts_.size()) counts_.resize(std::size_t{token} + 1);
    ++counts_[token];
  }
  std::size_t shared = 0;
  for (const Token token : candidate)
    if (token < counts_.size() && counts_[token] > 0) {
      --counts_[token];
      ++shared;
    }
  return shared;
}

std::size_t RougeScorer::shared_pairs(std::span<const Token> reference,
                                      std::span<const Token> candidate) {
  sorted_pairs(reference, pairs_);
  sorted_pairs(candidate, other_pairs_);
  std::size_t shared = 0;
  for (auto a = pairs_.begin(), b = other_pairs_.begin();
       a != pairs_.end() && b != other_pairs_.end();) {
    if (*a == *b)
      ++shared, ++a, ++b;
    else if (*a < *b)
      ++a;
    else
      ++b;
  }
  return shared;
}

RougeScore RougeScorer::score(Rouge kind, std::span<const Token> reference,
                              std::span<const Token> candidate) {
  switch (kind) {
    case Rouge::n1:
      return score_of(shared_words(reference, candidate), reference.size(), candidate.size());
    case Rouge::n2:
      return score_of(shared_pairs(reference, candidate), less_one(reference.size()),
                      less_one(candidate.size()));
    case Rouge::l:
    case Rouge::lsum:  // one line
      break;
  }
  return score_of(common_.length(reference, candidate), reference.size(), candidate.size());
}

RougeScore RougeScorer::score(Rouge kind, std::string_view reference, std::string_view candidate) {
  words_.clear();
  if (kind == Rouge::lsum) return by_line(reference, candidate);
  reference_.clear();
  candidate_.clear();
  words_.add(reference, reference_);
  words_.find(candidate, candidate_);
  return score(kind, std::span<const Token>(reference_), std::span<const Token>(candidate_));
}

RougeScore RougeScorer::score(Rouge kind, std::span<const std::string> references,
                              std::string_view candidate) {
  RougeScore best;
  bool first = true;
  for (const std::string& reference : references) {
    const RougeScore found = score(kind, reference, candidate);
    if (first || found.f > best.f) best = found;
    first = false;
  }
  return best;
}

// For each line of the reference: the union of its places in the common subsequences with each line
// of the candidate. A word counts at most as often as either text has it.
RougeScore RougeScorer::by_line(std::string_view reference, std::string_view candidate) {
  const auto split = [](std::string_view text, auto&& cut, Lines& lines) {
    lines.tokens.clear();
    lines.ends.clear();
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      if (end > start) {
        cut(text.substr(start, end - start), lines.tokens);
        lines.ends.push_back(lines.tokens.size());
      }
      start = end + 1;
    }
  };
  split(
      reference, [&](auto line, auto& tokens) { words_.add(line, tokens); }, reference_lines_);
  split(
      candidate, [&](auto line, auto& tokens) { words_.find(line, tokens); }, candidate_lines_);

  const auto counts_of = [&](const Lines& lines, std::vector<std::uint32_t>& counts) {
    counts.assign(words_.size(), 0);
    for (const Token token : lines.tokens)
      if (token != kNoToken) ++counts[token];
  };
  counts_of(reference_lines_, counts_);
  counts_of(candidate_lines_, left_);

  std::size_t shared = 0;
  for (std::size_t i = 0; i < reference_lines_.ends.size(); ++i) {
    const auto line = reference_lines_.line(i);
    places_.clear();
    for (std::size_t j = 0; j < candidate_lines_.ends.size(); ++j)
      common_.places(line, candidate_lines_.line(j), places_);
    std::sort(places_.begin(), places_.end());
    places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
    for (const std::uint32_t place : places_) {
      const Token token = line[place];
      if (left_[token] == 0 || counts_[token] == 0) continue;
      --left_[token];
      --counts_[token];
      ++shared;
    }
  }
  return score_of(shared, reference_lines_.tokens.size(), candidate_lines_.tokens.size());
}

}  // namespace looktwice::metrics
