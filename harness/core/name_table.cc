#include "harness/core/name_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <random>
#include <utility>

namespace looktwice {
namespace {

std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
  __extension__ typedef unsigned __int128 Wide;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Two odd numbers that nobody outside knows.
const std::array<std::uint64_t, 2>& keys() {
  static const std::array<std::uint64_t, 2> made = [] {
    std::random_device random;
    const auto next = [&] { return std::uint64_t{random()} << 32 | random() | 1; };
    return std::array{next(), next()};
  }();
  return made;
}

}  // namespace

std::uint32_t NameTable::hash_of(std::string_view name) {
  const auto& [start, factor] = keys();
  std::uint64_t hash = start ^ name.size();
  while (name.size() >= 8) {
    std::uint64_t part;
    std::memcpy(&part, name.data(), sizeof part);
    hash = folded_product(hash ^ part, factor);
    name.remove_prefix(sizeof part);
  }
  std::uint64_t rest = 0;
  if (!name.empty()) std::memcpy(&rest, name.data(), name.size());
  hash = folded_product(hash ^ rest, factor);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

void NameTable::resize_for(std::size_t names) {
  std::vector<Slot> before = std::exchange(slots_, {});
  slots_.resize(std::bit_ceil(std::max<std::size_t>(2 * names, 16)));
  for (const Slot& slot : before)
    if (slot.place != kFree) insert(slot);
}

}  // namespace looktwice
