// Reads the golden files of scripts/golden: lines "NAME NUMBER...", numbers as C hexadecimal
// floats.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace looktwice::metrics {

using Golden = std::multimap<std::string, std::vector<double>>;

inline Golden golden(const std::string& file) {
  std::ifstream in(std::string(LOOKTWICE_TEST_DATA) + "/metrics/" + file);
  if (!in) throw std::runtime_error("cannot read " + file);
  Golden result;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string name, word;
    words >> name;
    std::vector<double> numbers;
    while (words >> word) numbers.push_back(std::strtod(word.c_str(), nullptr));
    result.emplace(name, numbers);
  }
  return result;
}

// The only line of that name.
inline const std::vector<double>& only(const Golden& lines, const std::string& name) {
  if (lines.count(name) != 1) throw std::runtime_error("not one line of " + name);
  return lines.find(name)->second;
}

}  // namespace looktwice::metrics
