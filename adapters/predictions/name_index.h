// Finds the recorded thing (a row, a map file) that belongs to a sample, by its name.
// Not here: what was recorded.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::adapters {

// The first rule that gives anything decides:
//   1. the same name                                  bottle/test/crack/000.png
//   2. the same name without its suffix               bottle/test/crack/000
//   3. one is the end of the other, whole folder names, suffixes set aside
//                                                     /data/mvtec/bottle/test/crack/000.png,
//                                                     crack/000.tiff
// '\' counts as '/', a leading "./" as nothing. Two things that fit one sample by the same rule,
// and one thing that fits two samples, are Kind::data and name both: a guess would be a wrong
// score.
class NameIndex {
 public:
  // what: "row" or "map file", for messages.
  explicit NameIndex(std::string what) : what_(std::move(what)) {}

  // `thing` numbers are the caller's; the same name twice is allowed here and makes a match of that
  // name ambiguous.
  void add(const std::string& name, std::size_t thing);

  // Must be asked with every sample before any answer is given: only then is a thing that fits two
  // samples found out in time.
  std::optional<std::size_t> find(const std::string& sample);

  // Names that no sample has asked for, in bytewise order.
  std::vector<std::string> unused() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name = {};
    std::size_t thing = 0;
    std::optional<std::string> owner = {};  // the sample that it was given to
  };
  std::optional<std::size_t> entry_for(const std::string& sample) const;

  std::string what_;
  std::vector<Entry> entries_;
  std::multimap<std::string, std::size_t, std::less<>> by_name_, by_bare_name_, by_stem_;
  std::map<std::string, std::optional<std::size_t>> found_;
};

// Forward slashes, no "./" in front, no empty parts but a leading one.
std::string tidy_name(std::string_view name);

}  // namespace looktwice::adapters
