// The text of a tokenizer's file. Internal to adapters/tokenizers.
#pragma once

#include <filesystem>
#include <string>

namespace looktwice::tokenizers {
// Throws Kind::model: cannot be read, no regular file, larger than 256 MiB.
std::string text_of_file(const std::filesystem::path& path);
}  // namespace looktwice::tokenizers
