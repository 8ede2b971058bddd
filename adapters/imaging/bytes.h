// Numbers out of a file's bytes, bounds checked. Internal to adapters/imaging.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace looktwice::imaging {

using Bytes = std::span<const std::uint8_t>;

inline Bytes as_bytes(std::span<const std::byte> file) {
  return {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
}

// At most `size` bytes from `start`; fewer, or none, where the data end.
inline Bytes part(Bytes data, std::size_t start, std::size_t size) {
  if (start >= data.size()) return {};
  return data.subspan(start, std::min(size, data.size() - start));
}

// Bytes beyond the end read as 0: callers check the size first where that matters.
inline std::uint8_t u8(Bytes data, std::size_t at) {
  return at < data.size() ? data[at] : std::uint8_t{0};
}

inline std::uint32_t be16(Bytes data, std::size_t at) {
  return std::uint32_t{u8(data, at)} << 8 | u8(data, at + 1);
}

inline std::uint32_t be32(Bytes data, std::size_t at) {
  return be16(data, at) << 16 | be16(data, at + 2);
}

inline std::uint32_t le16(Bytes data, std::size_t at) {
  return std::uint32_t{u8(data, at + 1)} << 8 | u8(data, at);
}

inline std::uint32_t le32(Bytes data, std::size_t at) {
  return le16(data, at + 2) << 16 | le16(data, at);
}

}  // namespace looktwice::imaging
