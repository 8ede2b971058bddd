// Compares a text with a file of tests/golden/reports. LOOKTWICE_UPDATE_GOLDEN=1 writes the files
// anew: read the diff before committing.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace looktwice::reports {

// The style sheet of a page is no part of its structure.
inline std::string without_style(std::string text) {
  const std::size_t from = text.find("<style>"), to = text.find("</style>");
  if (from != std::string::npos && to != std::string::npos) text.erase(from, to - from);
  return text;
}

inline void expect_golden(const std::string& name, const std::string& made) {
  const std::string text = without_style(made);
  const std::filesystem::path file =
      std::filesystem::path(LOOKTWICE_SOURCE_DIR) / "tests/golden/reports" / name;
  if (std::getenv("LOOKTWICE_UPDATE_GOLDEN")) std::ofstream(file, std::ios::binary) << text;
  std::ifstream in(file, std::ios::binary);
  ASSERT_TRUE(in) << file << " is missing; LOOKTWICE_UPDATE_GOLDEN=1 writes it";
  std::stringstream expected;
  expected << in.rdbuf();
  EXPECT_EQ(text, expected.str()) << "differs from " << file;
}

}  // namespace looktwice::reports
