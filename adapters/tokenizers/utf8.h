// UTF-8 one code point at a time, inlined into the loops of the tokenizers.
// Not here: repair of invalid bytes (harness/core/text.h).
#pragma once

#include <cstdint>
#include <string>

namespace looktwice::tokenizers {

// The code point at *at, which moves past it. Valid UTF-8 only.
inline char32_t next_code_point(const char*& at) {
  const auto byte = [&](int i) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(at[i]));
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) {
    at += 1;
    return first;
  }
  if (first < 0xE0) {
    const std::uint32_t code = (first & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
    return code;
  }
  if (first < 0xF0) {
    const std::uint32_t code = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
    return code;
  }
  const std::uint32_t code =
      (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += 4;
  return code;
}

inline void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace looktwice::tokenizers
