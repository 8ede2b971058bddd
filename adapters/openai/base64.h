// Base64 (RFC 4648, with padding): how pictures travel inside JSON.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace looktwice::openai {

std::string base64(std::span<const std::byte> bytes);
// To the end of `text`, without a copy between.
void append_base64(std::string& text, std::span<const std::byte> bytes);

}  // namespace looktwice::openai
