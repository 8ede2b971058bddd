// Writes several texts at once, a token for each per step (continuous batching): a text joins when
// it is added and leaves when it ends, whoever else is there. What a text becomes depends on nobody
// else. Out of memory makes the batch smaller, once nothing else can be given back: the youngest
// text waits, and is computed again when there is room; it goes on with the same tokens.
// Not here: prompts, tokenizers, threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "adapters/nn/qwen2.h"
#include "adapters/nn/sampling.h"
#include "harness/core/sample.h"

namespace looktwice::nn {

struct WritingTask {
  std::uint64_t tag = 0;      // the caller's
  at::Tensor embeds = {};     // [n, hidden], the whole prompt
  at::Tensor positions = {};  // [n] or [3, n]; undefined: 0, 1, 2 ...
  std::optional<KvCache> start =
      {};  // holds the first start.length() tokens of this very prompt, less than n
  // Lengths up to which the prompt is computed at a time, ascending: the same bits whether it is
  // begun here or in `start`.
  std::vector<std::int64_t> cuts = {};
  Sampling sampling = {};
  std::uint64_t stream = 0;             // of the draws: the same for the same request in every run
  std::vector<std::int32_t> seen = {};  // for the repetition penalty, before the first token
  std::vector<std::int32_t> stop_ids = {};  // end the text and are not part of it
  int most_tokens = 0;
  // Sees the scores of each token to come, and may change them, before one is chosen; `written`:
  // the tokens before it.
  std::function<void(std::span<float> scores, std::span<const std::int32_t> written)> on_scores =
      {};
};

struct WrittenText {
  std::uint64_t tag = 0;
  std::vector<std::int32_t> ids = {};
  bool stopped = false;    // by a stop id; else the budget was used up
  std::string error = {};  // not written, and why
  std::int64_t prompt_tokens = 0, reused_tokens = 0;
  KvCache cache = {};            // of the prompt and the text but its last token
  std::vector<Span> spans = {};  // prefill, decode
};

class Writer {
 public:
  // most: texts at once. give_back: frees memory whose content can be had again, such as prefixes
  // that are remembered; false: there was none. Asked before a text is set back.
  Writer(const Qwen2& model, int most, std::function<bool()> give_back = {});
  ~Writer();

  bool has_room() const { return static_cast<int>(texts()) < most_; }
  bool idle() const { return active_.empty() && waiting_.empty(); }
  std::size_t texts() const { return active_.size() + waiting_.size(); }
  // Memory ran out beside the writer: no more texts at once than there are now, one at least.
  void take_no_more() { most_ = std::max(1, static_cast<int>(texts())); }
  void add(WritingTask task);
  // One token for each text; hands back those that ended.
  std::vector<WrittenText> step();
  // Texts at once as memory allows; starts as `most`.
  int most() const { return most_; }

 private:
  struct Text;
  // Where memory ran out.
  enum class Went { well, out_of_memory };
  // Does work that appends to caches; where memory ran out, they are as before.
  Went within_memory(std::span<KvCache* const> caches, const std::function<void()>& work) const;
  Went prefill(Text& text);
  Went decode();
  void choose(Text& text, const at::Tensor& scores);
  void set_back_youngest();
  WrittenText finished(std::unique_ptr<Text> text);

  const Qwen2& model_;
  int most_ = 1;
  std::function<bool()> give_back_ = {};
  std::vector<std::unique_ptr<Text>> active_, waiting_;
};

}  // namespace looktwice::nn
