// What OmniAD is trained to write, as a grammar over bytes, and which tokens may come next:
//   <seg> runs </seg><think> text </think><answer> answer </answer>
//   runs: none, or  place | place-place  separated by commas; place: (row, column)
// Both ends of a run lie in one row and in order, indices within the 24 x 24 patches, so whatever
// is written this way has no malformed run. A model is only ever kept from other bytes; among
// these it chooses itself. Towards the end of the budget the shortest ending is enforced.
// Not here: reading such replies (suites/text_mask.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/tokenizers/qwen.h"

namespace looktwice::omniad {

struct SegRules {
  int first_index = 0;  // what the first row and column are called
  int side = 24;        // patches
  // Letters of the options, one of which is the answer; empty: the answer is any text without '<'.
  std::string letters = {};
};

// Where in the grammar a text is.
class SegState {
 public:
  explicit SegState(const SegRules& rules) : rules_(&rules) {}

  // One byte more; false: the grammar has none such here, and the state is as it was.
  bool take(char byte);
  bool take(std::string_view bytes);  // all of them or none
  bool is_whole() const { return stage_ == Stage::end; }
  // Any byte but '<' goes on, and is no step forward.
  bool is_free() const;
  // The shortest text that makes it whole.
  std::string ending() const;

 private:
  enum class Stage : std::uint8_t {
    open_seg,    // "<seg>", `at_` bytes of it written
    runs_begin,  // '(' or '<'
    row,         // of the run's first place
    column,
    first_done,  // '-', ',' or '<'
    dash,        // '('
    last_row,
    last_column,
    run_done,   // ',' or '<'
    comma,      // '(', a blank before it
    close_seg,  // "</seg><think>"
    thought,
    close_think,  // "</think><answer>"
    answer,
    close_answer,  // "</answer>"
    end,
  };
  struct Range {
    int least = 0, most = 0;
  };
  Range range() const;
  bool take_index(char byte, Stage after_comma, Stage after_bracket);
  bool take_literal(std::string_view text, char byte, Stage next);
  bool step(char byte);
  void append_index(std::string& text) const;

  const SegRules* rules_;
  Stage stage_ = Stage::open_seg;
  std::uint8_t at_ = 0;      // in a literal
  std::uint8_t digits_ = 0;  // of the index being written
  bool blank_ = false;       // one was written where one may be
  int number_ = 0, row_ = 0, column_ = 0;
};

// The tokens of a vocabulary, sorted for this. Threads may share it.
class SegVocabulary {
 public:
  // tokens: that have scores.
  SegVocabulary(const tokenizers::QwenTokenizer& tokenizer, std::span<const std::int32_t> stop_ids,
                std::int64_t tokens);

  std::string_view bytes_of(std::int32_t id) const;
  bool is_stop(std::int32_t id) const;

 private:
  friend class SegWriter;
  const tokenizers::QwenTokenizer& tokenizer_;
  std::vector<std::int32_t> stop_ids_;
  std::array<std::vector<std::int32_t>, 256> by_first_byte_ = {};
  std::vector<std::int32_t> with_bracket_ = {};  // hold '<'
  std::vector<bool> is_plain_ = {};              // [id]: has bytes, none of them '<'
};

// One text on its way.
class SegWriter {
 public:
  SegWriter(std::shared_ptr<const SegVocabulary> vocabulary, SegRules rules, int most_tokens);

  // Scores of what may not come become minus infinity. written: all tokens so far.
  void restrict(std::span<float> scores, std::span<const std::int32_t> written);

 private:
  std::shared_ptr<const SegVocabulary> vocabulary_;
  std::unique_ptr<const SegRules> rules_;  // at one address, wherever this moves
  SegState state_;
  std::size_t taken_ = 0;  // tokens
  int most_tokens_ = 0;
};

}  // namespace looktwice::omniad
