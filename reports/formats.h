// The renderers behind render(), one file each, and what they share. Private to reports/.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/table.h"

namespace looktwice::reports {

// The footnotes of a table, numbered from 1 in the order in which its cells first use them.
class Notes {
 public:
  explicit Notes(const Table& table);
  int number_of(const std::string& note) const { return note.empty() ? 0 : numbers_.at(note); }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::map<std::string, int> numbers_;
  std::vector<std::string> texts_;
};

std::string terminal(const Table& table, const RenderOptions& options);
std::string terminal(const Page& page, const RenderOptions& options);
std::string markdown(const Table& table);
std::string markdown(const Page& page);
std::string latex(const Table& table);
std::string latex(const Page& page);
std::string csv(const Table& table);
std::string csv(const Page& page);
std::string json(const Table& table);
std::string json(const Page& page);
std::string html(const Table& table);
std::string html(const Page& page);

}  // namespace looktwice::reports
