// Files of the tests, read whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace looktwice::test {

inline std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(LOOKTWICE_TEST_DATA) / name;
}

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path.string());
  const std::vector<char> read{std::istreambuf_iterator<char>(in), {}};
  const auto* first = reinterpret_cast<const std::byte*>(read.data());
  return {first, first + read.size()};
}

}  // namespace looktwice::test
