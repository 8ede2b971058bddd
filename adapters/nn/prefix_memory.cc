#include "adapters/nn/prefix_memory.h"

#include <algorithm>
#include <iterator>

namespace looktwice::nn {

std::optional<KvCache> PrefixMemory::beginning(
    std::span<const std::int32_t> ids, std::int64_t room,
    const std::function<std::int64_t(std::int32_t)>& length_of,
    std::span<const std::int64_t> cuts) {
  std::int64_t longest = 0;
  auto best = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    std::int64_t length = shared_tokens(entry->ids, ids, entry->cache.length(), length_of);
    if (!cuts.empty()) {
      const auto above = std::ranges::upper_bound(cuts, length);
      length = above == cuts.begin() ? 0 : *std::prev(above);
    }
    if (length <= longest) continue;
    longest = length;
    best = entry;
  }
  if (best == entries_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, best);
  return best->cache.fork(longest, room);
}

void PrefixMemory::keep(PromptIds ids, KvCache cache,
                        const std::function<std::int64_t(std::int32_t)>& length_of) {
  std::erase_if(entries_, [&](const Entry& entry) {
    const std::int64_t length = entry.cache.length();
    // One more token in `wanted`, which shared_tokens never counts, as it would be computed anew.
    PromptIds longer = ids;
    longer.push_back(0);
    return length <= cache.length() &&
           shared_tokens(entry.ids, longer, length, length_of) == length;
  });
  entries_.push_front({std::move(ids), std::move(cache)});
  while (entries_.size() > 1 && tokens() > most_tokens_) entries_.pop_back();
}

std::int64_t PrefixMemory::tokens() const {
  std::int64_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.cache.length();
  return sum;
}

}  // namespace looktwice::nn
