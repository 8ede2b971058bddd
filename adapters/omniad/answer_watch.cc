#include "adapters/omniad/answer_watch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/text.h"

namespace looktwice::omniad {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Without what is no letter or digit at its ends.
std::string bare(std::string_view text) {
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  while (!text.empty() && !is_part(text.front())) text.remove_prefix(1);
  while (!text.empty() && !is_part(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string first_word(const std::string& text) {
  std::string word;
  for (const char c : bare(text)) {
    if (is_blank(c) || c == ',' || c == '.') break;
    word += c;
  }
  return lower_ascii(word);
}

}  // namespace

AnswerWatch::AnswerWatch(const tokenizers::QwenTokenizer& tokenizer,
                         std::span<const Option> options)
    : tokenizer_(tokenizer), has_options_(!options.empty()) {
  const auto add = [&](const std::string& name, const std::vector<std::string>& spellings) {
    Word word{.text = name};
    for (const std::string& spelling : spellings)
      // '>' of "<answer>" may stand in one token with the letter.
      for (const char* before : {"", " ", ">"}) {
        const auto ids = tokenizer.encode(before + spelling);
        if (ids.size() == 1 && std::ranges::find(word.ids, ids[0]) == word.ids.end())
          word.ids.push_back(ids[0]);
      }
    words_.push_back(std::move(word));
  };
  for (const Option& option : options) {
    add(option.letter, {option.letter});
    if (first_word(option.text) == "yes") yes_ = words_.size() - 1;
    if (first_word(option.text) == "no") no_ = words_.size() - 1;
  }
  if (has_options_) return;
  add("yes", {"Yes", "yes", "YES"});
  add("no", {"No", "no", "NO"});
  yes_ = 0;
  no_ = 1;
}

void AnswerWatch::look(std::span<const float> scores) {
  for (const Word& word : words_) {
    float largest = kNever;
    for (const std::int32_t id : word.ids)
      if (static_cast<std::size_t>(id) < scores.size())
        largest = std::max(largest, scores[static_cast<std::size_t>(id)]);
    double sum = 0;
    for (const std::int32_t id : word.ids)
      if (static_cast<std::size_t>(id) < scores.size() && largest != kNever)
        sum += std::exp(static_cast<double>(scores[static_cast<std::size_t>(id)] - largest));
    scores_.push_back(sum > 0 ? largest + static_cast<float>(std::log(sum)) : kNever);
  }
  ++steps_;
}

std::size_t AnswerWatch::step_of(std::span<const std::int32_t> written) const {
  std::string text;
  std::vector<std::size_t> ends;  // of each token in it
  for (const std::int32_t id : written) {
    text += tokenizer_.bytes_of(id);
    ends.push_back(text.size());
  }
  constexpr std::string_view kTag = "<answer>";
  if (std::size_t at = lower_ascii(text).rfind(kTag); at != std::string::npos) {
    at += kTag.size();
    while (at < text.size() && is_blank(text[at])) ++at;
    return static_cast<std::size_t>(std::ranges::upper_bound(ends, at) - ends.begin());
  }
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::string word = bare(tokenizer_.bytes_of(written[i]));
    for (const Word& one : words_)
      if (has_options_ && word == one.text) return i;
  }
  return 0;
}

std::vector<double> AnswerWatch::shares(std::size_t step) const {
  if (step >= steps_) return {};
  const float* row = scores_.data() + step * words_.size();
  const float largest = *std::max_element(row, row + words_.size());
  if (largest == kNever || std::isnan(largest)) return {};
  std::vector<double> found;
  double sum = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    found.push_back(std::exp(static_cast<double>(row[i] - largest)));
    sum += found.back();
  }
  for (double& share : found) share /= sum;
  return found;
}

std::map<std::string, double> AnswerWatch::likelihoods(
    std::span<const std::int32_t> written) const {
  std::map<std::string, double> found;
  if (!has_options_) return found;
  const std::vector<double> all = shares(step_of(written));
  for (std::size_t i = 0; i < all.size(); ++i) found[words_[i].text] += all[i];
  return found;
}

std::optional<double> AnswerWatch::yes_share(std::span<const std::int32_t> written) const {
  if (!yes_ || !no_) return {};
  const std::vector<double> all = shares(step_of(written));
  if (all.empty() || all[*yes_] + all[*no_] == 0) return {};
  return all[*yes_] / (all[*yes_] + all[*no_]);
}

}  // namespace looktwice::omniad
