// The longest token that a text begins with, walking byte by byte. Built once, then read only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace looktwice::tokenizers {

class TokenTrie {
 public:
  static constexpr std::uint32_t kRoot = 0;

  TokenTrie();
  // The node reached from `from` by these bytes, made where it is not there.
  std::uint32_t grow(std::uint32_t from, std::string_view bytes);
  void put(std::uint32_t node, std::int32_t id) { ids_[node] = id; }

  struct Longest {
    std::int32_t id = -1;  // -1: no token
    std::size_t bytes = 0;
  };
  Longest longest(std::uint32_t from, std::string_view text) const {
    Longest best;
    std::uint32_t node = from;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<std::uint8_t>(text[i]));
      if (node == 0) break;
      if (ids_[node] >= 0) best = {ids_[node], i + 1};
    }
    return best;
  }

 private:
  struct Slot {
    std::uint32_t key = UINT32_MAX, node = 0;  // key: parent << 8 | byte
  };
  static std::uint32_t hash(std::uint32_t key) { return key * 0x9E3779B1u; }
  std::uint32_t child(std::uint32_t node, std::uint8_t byte) const {
    const std::uint32_t key = node << 8 | byte;
    for (std::size_t slot = hash(key) >> shift_;; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].key == key) return slots_[slot].node;
      if (slots_[slot].key == UINT32_MAX) return 0;
    }
  }
  void widen();

  std::vector<Slot> slots_;
  int shift_ = 0;
  std::vector<std::int32_t> ids_ = {};  // [node]
};

}  // namespace looktwice::tokenizers
