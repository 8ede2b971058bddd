// Keys and values of prompts that were computed lately, so that a prompt which begins as one of
// them is computed from there on: further questions about a picture, further turns of a dialogue,
// the same normal picture beside another one. Not here: what the ids of pictures mean.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <span>

#include "adapters/nn/prompt.h"
#include "adapters/nn/qwen2.h"

namespace looktwice::nn {

class PrefixMemory {
 public:
  // most_tokens: of all that is kept; the latest stays whatever its length.
  explicit PrefixMemory(std::int64_t most_tokens) : most_tokens_(most_tokens) {}

  // A copy of the longest beginning that is known, at most all but the last token; room: tokens it
  // can take before it has to grow. Empty when nothing is known. length_of: rows of a negative id.
  // cuts, ascending: lengths that will do; empty: any. A prompt that is always computed up to a cut
  // and then on has the same bits whatever the memory holds.
  std::optional<KvCache> beginning(std::span<const std::int32_t> ids, std::int64_t room,
                                   const std::function<std::int64_t(std::int32_t)>& length_of,
                                   std::span<const std::int64_t> cuts = {});
  // cache: of the first tokens of ids. What it continues is forgotten.
  void keep(PromptIds ids, KvCache cache,
            const std::function<std::int64_t(std::int32_t)>& length_of);
  void clear() { entries_.clear(); }
  std::int64_t tokens() const;

 private:
  struct Entry {
    PromptIds ids = {};
    KvCache cache = {};
  };
  std::int64_t most_tokens_ = 0;
  std::list<Entry> entries_ = {};  // the latest first
};

}  // namespace looktwice::nn
