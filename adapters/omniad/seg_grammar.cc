#include "adapters/omniad/seg_grammar.h"

#include <algorithm>
#include <limits>

#include "harness/core/error.h"

namespace looktwice::omniad {
namespace {

constexpr std::string_view kOpenSeg = "<seg>", kCloseSeg = "</seg><think>",
                           kCloseThink = "</think><answer>", kCloseAnswer = "</answer>";
// No ending is longer, so that before this the budget needs no look.
constexpr int kLongestEnding = 96;

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

}  // namespace

SegState::Range SegState::range() const {
  const int least = rules_->first_index, most = least + rules_->side - 1;
  if (stage_ == Stage::last_row) return {row_, row_};
  if (stage_ == Stage::last_column) return {column_, most};
  return {least, most};
}

// An index may be written digit by digit as long as some number within the range begins so; no
// zeros in front.
bool SegState::take_index(char byte, Stage after_comma, Stage after_bracket) {
  const auto [least, most] = range();
  const bool is_row = stage_ == Stage::row || stage_ == Stage::last_row;
  if (is_digit(byte)) {
    if (digits_ > 0 && number_ == 0) return false;
    const int number = number_ * 10 + (byte - '0');
    bool reaches = number >= least && number <= most;
    for (int low = number * 10, high = low + 9; !reaches && number > 0 && low <= most;
         low *= 10, high = high * 10 + 9)
      reaches = high >= least;
    if (!reaches) return false;
    number_ = number;
    ++digits_;
    return true;
  }
  if (byte == ' ' && !is_row && digits_ == 0 && !blank_) {
    blank_ = true;
    return true;
  }
  if (digits_ == 0 || number_ < least || number_ > most || byte != (is_row ? ',' : ')'))
    return false;
  if (stage_ == Stage::row) row_ = number_;
  if (stage_ == Stage::column) column_ = number_;
  stage_ = is_row ? after_comma : after_bracket;
  number_ = 0;
  digits_ = 0;
  blank_ = false;
  return true;
}

bool SegState::take_literal(std::string_view text, char byte, Stage next) {
  if (text[at_] != byte) return false;
  if (++at_ < text.size()) return true;
  stage_ = next;
  at_ = 0;
  return true;
}

bool SegState::step(char byte) {
  const auto go = [&](Stage next) {
    stage_ = next;
    return true;
  };
  const auto close = [&](Stage next) {
    at_ = 1;  // '<' is written
    return go(next);
  };
  switch (stage_) {
    case Stage::open_seg:
      return take_literal(kOpenSeg, byte, Stage::runs_begin);
    case Stage::runs_begin:
      return byte == '(' ? go(Stage::row) : byte == '<' && close(Stage::close_seg);
    case Stage::row:
      return take_index(byte, Stage::column, Stage::column);
    case Stage::column:
      return take_index(byte, Stage::column, Stage::first_done);
    case Stage::first_done:
      if (byte == '-') return go(Stage::dash);
      [[fallthrough]];
    case Stage::run_done:
      return byte == ',' ? go(Stage::comma) : byte == '<' && close(Stage::close_seg);
    case Stage::dash:
      return byte == '(' && go(Stage::last_row);
    case Stage::last_row:
      return take_index(byte, Stage::last_column, Stage::last_column);
    case Stage::last_column:
      return take_index(byte, Stage::last_column, Stage::run_done);
    case Stage::comma:
      if (byte == ' ' && !blank_) return blank_ = true;
      if (byte != '(') return false;
      blank_ = false;
      return go(Stage::row);
    case Stage::close_seg:
      return take_literal(kCloseSeg, byte, Stage::thought);
    case Stage::thought:
      return byte != '<' || close(Stage::close_think);
    case Stage::close_think:
      return take_literal(kCloseThink, byte, Stage::answer);
    case Stage::answer:
      if (rules_->letters.empty()) return byte != '<' || close(Stage::close_answer);
      if (rules_->letters.find(byte) == std::string::npos) return false;
      return go(Stage::close_answer);
    case Stage::close_answer:
      return take_literal(kCloseAnswer, byte, Stage::end);
    case Stage::end:
      return false;
  }
  return false;
}

bool SegState::take(char byte) {
  return step(byte);
}

bool SegState::take(std::string_view bytes) {
  SegState next = *this;
  for (const char byte : bytes)
    if (!next.step(byte)) return false;
  *this = next;
  return true;
}

bool SegState::is_free() const {
  return stage_ == Stage::thought || (stage_ == Stage::answer && rules_->letters.empty());
}

// The rest of the index that is being written.
void SegState::append_index(std::string& text) const {
  const auto [least, most] = range();
  if (digits_ > 0 && number_ >= least && number_ <= most) return;
  for (int number = least; number <= most; ++number) {
    const std::string whole = std::to_string(number), begun = std::to_string(number_);
    if (digits_ == 0 || whole.starts_with(begun)) {
      text += digits_ == 0 ? whole : whole.substr(begun.size());
      return;
    }
  }
}

std::string SegState::ending() const {
  std::string text;
  const std::string least = std::to_string(rules_->first_index);
  const std::string letter = rules_->letters.empty() ? "" : rules_->letters.substr(0, 1);
  switch (stage_) {
    case Stage::end:
      return text;
    case Stage::close_answer:
      return std::string(kCloseAnswer.substr(at_));
    case Stage::answer:
      return letter + std::string(kCloseAnswer);
    case Stage::close_think:
      text = kCloseThink.substr(at_);
      break;
    case Stage::thought:
      text = kCloseThink;
      break;
    case Stage::close_seg:
      text = std::string(kCloseSeg.substr(at_)) + std::string(kCloseThink);
      break;
    case Stage::open_seg:
      text = kOpenSeg.substr(at_);
      break;
    case Stage::row:
      append_index(text);
      text += "," + least + ")";
      break;
    case Stage::column:
    case Stage::last_column:
      append_index(text);
      text += ")";
      break;
    case Stage::dash:
      text = "(" + std::to_string(row_) + "," + std::to_string(column_) + ")";
      break;
    case Stage::last_row:
      append_index(text);
      text += "," + std::to_string(column_) + ")";
      break;
    case Stage::comma:
      text = "(" + least + "," + least + ")";
      break;
    case Stage::runs_begin:
    case Stage::first_done:
    case Stage::run_done:
      break;
  }
  if (stage_ < Stage::close_seg) text += std::string(kCloseSeg) + std::string(kCloseThink);
  return text + letter + std::string(kCloseAnswer);
}

SegVocabulary::SegVocabulary(const tokenizers::QwenTokenizer& tokenizer,
                             std::span<const std::int32_t> stop_ids, std::int64_t tokens)
    : tokenizer_(tokenizer), stop_ids_(stop_ids.begin(), stop_ids.end()) {
  const auto most = static_cast<std::int32_t>(std::min<std::int64_t>(tokens, tokenizer.size()));
  is_plain_.resize(static_cast<std::size_t>(tokens));
  for (std::int32_t id = 0; id < most; ++id) {
    const std::string_view bytes = tokenizer.bytes_of(id);
    if (bytes.empty() || is_stop(id)) continue;
    by_first_byte_[static_cast<std::uint8_t>(bytes[0])].push_back(id);
    if (bytes.find('<') == std::string_view::npos)
      is_plain_[static_cast<std::size_t>(id)] = true;
    else
      with_bracket_.push_back(id);
  }
}

std::string_view SegVocabulary::bytes_of(std::int32_t id) const {
  return tokenizer_.bytes_of(id);
}

bool SegVocabulary::is_stop(std::int32_t id) const {
  return std::ranges::find(stop_ids_, id) != stop_ids_.end();
}

SegWriter::SegWriter(std::shared_ptr<const SegVocabulary> vocabulary, SegRules rules,
                     int most_tokens)
    : vocabulary_(std::move(vocabulary)),
      rules_(std::make_unique<const SegRules>(std::move(rules))),
      state_(*rules_),
      most_tokens_(most_tokens) {}

void SegWriter::restrict(std::span<float> scores, std::span<const std::int32_t> written) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (; taken_ < written.size(); ++taken_)
    LOOKTWICE_CHECK(state_.take(vocabulary_->bytes_of(written[taken_])));
  const auto has_score = [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < scores.size();
  };
  // What stays is copied out, everything else goes.
  std::vector<std::pair<std::int32_t, float>> kept;
  const auto keep = [&](std::int32_t id) {
    if (has_score(id)) kept.emplace_back(id, scores[static_cast<std::size_t>(id)]);
  };
  const int left = most_tokens_ - static_cast<int>(written.size()) - 1;  // after this one
  const bool near_end = left < kLongestEnding;
  const auto fits = [&](std::int32_t id) {
    SegState next = state_;
    if (!next.take(vocabulary_->bytes_of(id))) return false;
    return !near_end || static_cast<int>(next.ending().size()) <= left;
  };
  if (state_.is_whole()) {
    for (const std::int32_t id : vocabulary_->stop_ids_) keep(id);
  } else if (state_.is_free()) {
    // Nearly everything stays, and leaves the state as it is: only what holds '<' is looked at.
    const bool room = static_cast<int>(state_.ending().size()) <= left;
    for (const std::int32_t id : vocabulary_->with_bracket_)
      if (fits(id)) keep(id);
    if (room) {
      for (std::size_t id = 0; id < scores.size(); ++id)
        if (id >= vocabulary_->is_plain_.size() || !vocabulary_->is_plain_[id]) scores[id] = kNever;
      for (const auto& [id, score] : kept) scores[static_cast<std::size_t>(id)] = score;
      return;
    }
  } else {
    for (int byte = 0; byte < 256; ++byte) {
      SegState first = state_;
      if (!first.take(static_cast<char>(byte))) continue;
      for (const std::int32_t id : vocabulary_->by_first_byte_[static_cast<std::size_t>(byte)])
        if (fits(id)) keep(id);
    }
  }
  if (!state_.is_whole() && kept.empty()) {
    // The budget is too small for any whole text: as far as it goes on the shortest way.
    const std::string ending = state_.ending();
    for (const std::int32_t id : vocabulary_->by_first_byte_[static_cast<std::uint8_t>(ending[0])])
      if (std::string_view(ending).starts_with(vocabulary_->bytes_of(id))) keep(id);
  }
  if (kept.empty())
    throw Error(Kind::model, "constrained=true: the tokenizer has no token that goes on here");
  std::ranges::fill(scores, kNever);
  for (const auto& [id, score] : kept) scores[static_cast<std::size_t>(id)] = score;
}

}  // namespace looktwice::omniad
