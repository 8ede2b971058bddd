#include "adapters/openai/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace looktwice::openai {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Two characters for twelve bits: half the look-ups. A picture of 64 KB is coded for every request.
constexpr std::array<std::array<char, 2>, 4096> kPairs = [] {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  return pairs;
}();

std::uint32_t three(const std::byte* from) {
  return std::to_integer<std::uint32_t>(from[0]) << 16 |
         std::to_integer<std::uint32_t>(from[1]) << 8 | std::to_integer<std::uint32_t>(from[2]);
}

}  // namespace

void append_base64(std::string& text, std::span<const std::byte> bytes) {
  const std::size_t before = text.size();
  text.resize(before + (bytes.size() + 2) / 3 * 4);
  char* to = text.data() + before;
  const std::byte* from = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3, to += 4) {
    const std::uint32_t bits = three(from);
    std::memcpy(to, kPairs[bits >> 12].data(), 2);
    std::memcpy(to + 2, kPairs[bits & 4095].data(), 2);
  }
  if (left == 0) return;
  const std::array<std::byte, 3> last = {from[0], left == 2 ? from[1] : std::byte{0}, std::byte{0}};
  const std::uint32_t bits = three(last.data());
  std::memcpy(to, kPairs[bits >> 12].data(), 2);
  to[2] = left == 2 ? kPairs[bits & 4095][0] : '=';
  to[3] = '=';
}

std::string base64(std::span<const std::byte> bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

}  // namespace looktwice::openai
