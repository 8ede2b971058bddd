// JSON Lines of the fixtures: one parsed object per line.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/core/json_value.h"
#include "tests/support/files.h"

namespace looktwice::test {

inline std::vector<JsonValue> json_lines(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot open " + path.string());
  std::vector<JsonValue> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(
        parsed_json(line, path.string(), 64, static_cast<std::int64_t>(lines.size()) + 1));
  return lines;
}

inline std::vector<std::int32_t> ids_of(const JsonValue& list) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

}  // namespace looktwice::test
