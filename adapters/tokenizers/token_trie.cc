#include "adapters/tokenizers/token_trie.h"

#include <bit>
#include <utility>

#include "harness/core/error.h"

namespace looktwice::tokenizers {

TokenTrie::TokenTrie() : slots_(1024), shift_(32 - 10), ids_(1, -1) {}

std::uint32_t TokenTrie::grow(std::uint32_t from, std::string_view bytes) {
  std::uint32_t node = from;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    std::uint32_t next = child(node, byte);
    if (next == 0) {
      LOOKTWICE_CHECK(ids_.size() < (1u << 24) - 1);  // a key is 24 bits of node and 8 of byte
      if (ids_.size() * 2 > slots_.size()) widen();
      next = static_cast<std::uint32_t>(ids_.size());
      ids_.push_back(-1);
      const std::uint32_t key = node << 8 | byte;
      std::size_t slot = hash(key) >> shift_;
      while (slots_[slot].key != UINT32_MAX) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = {key, next};
    }
    node = next;
  }
  return node;
}

void TokenTrie::widen() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  --shift_;
  for (const Slot& entry : old) {
    if (entry.key == UINT32_MAX) continue;
    std::size_t slot = hash(entry.key) >> shift_;
    while (slots_[slot].key != UINT32_MAX) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = entry;
  }
}

}  // namespace looktwice::tokenizers
