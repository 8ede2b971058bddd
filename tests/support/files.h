// Files of the tests, read whole. Outputs of the official implementations ("fixtures") lie in
// tests/data/fixtures or in the folder that LOOKTWICE_FIXTURES names: other seeds, other sizes.
#pragma once

#include <cstddef>
#include <cstdlib>
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

inline std::filesystem::path fixture_path(const std::string& name) {
  const char* folder = std::getenv("LOOKTWICE_FIXTURES");
  return (folder && *folder ? std::filesystem::path(folder) : data_path("fixtures")) / name;
}

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path.string());
  const std::vector<char> read{std::istreambuf_iterator<char>(in), {}};
  const auto* first = reinterpret_cast<const std::byte*>(read.data());
  return {first, first + read.size()};
}

// Ends the test as skipped, with the reason, where the folder of fixtures lacks a file.
#define LOOKTWICE_NEEDS_FIXTURE(name)                                  \
  if (!std::filesystem::exists(::looktwice::test::fixture_path(name))) \
  GTEST_SKIP() << ::looktwice::test::fixture_path(name) << " is not there"

}  // namespace looktwice::test
