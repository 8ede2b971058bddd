// Finds a text again in a list that somebody else keeps: places by hash, no copy of a text. The
// hash is keyed anew in each process, so that no file can be written whose names collide.
// Not here: removing, the texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace looktwice {

class NameTable {
 public:
  NameTable() = default;
  explicit NameTable(std::size_t names) { resize_for(names); }

  // name_at(place): the text at that place of the list. Empty: not there.
  template <class NameAt>
  std::optional<std::uint32_t> find(std::string_view name, const NameAt& name_at) const {
    if (slots_.empty()) return std::nullopt;
    return found(name, hash_of(name), name_at);
  }

  // Notes that `name` stands at `place`, unless it stands elsewhere already: then gives that place.
  template <class NameAt>
  std::optional<std::uint32_t> add(std::string_view name, std::uint32_t place,
                                   const NameAt& name_at) {
    if (2 * (size_ + 1) > slots_.size()) resize_for(2 * size_ + 8);
    const std::uint32_t hash = hash_of(name);
    if (const auto before = found(name, hash, name_at)) return before;
    insert({hash, place});
    ++size_;
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kFree = 0xFFFFFFFF;
  struct Slot {
    std::uint32_t hash = 0, place = kFree;
  };

  template <class NameAt>
  std::optional<std::uint32_t> found(std::string_view name, std::uint32_t hash,
                                     const NameAt& name_at) const {
    for (std::size_t at = hash & mask(); slots_[at].place != kFree; at = (at + 1) & mask())
      if (slots_[at].hash == hash && name_at(slots_[at].place) == name) return slots_[at].place;
    return std::nullopt;
  }
  std::size_t mask() const { return slots_.size() - 1; }
  void insert(Slot slot) {
    std::size_t at = slot.hash & mask();
    while (slots_[at].place != kFree) at = (at + 1) & mask();
    slots_[at] = slot;
  }
  void resize_for(std::size_t names);
  static std::uint32_t hash_of(std::string_view name);

  std::vector<Slot> slots_ = {};  // a power of two, at most half of them taken
  std::size_t size_ = 0;
};

}  // namespace looktwice
