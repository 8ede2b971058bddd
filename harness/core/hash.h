// SHA-256 for identities and CRC-32C for torn records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace looktwice {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view bytes);
  void add(std::span<const std::byte> bytes);
  std::string hex();  // 64 digits; ends the sum

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
std::string sha256(std::span<const std::byte> bytes);
std::string sha256_of_file(
    const std::filesystem::path& path);  // streams; Kind::data names the path

// CRC-32C (Castagnoli), as in RFC 3720. crc32c("123456789") is 0xe3069283.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace looktwice
