// Files that are part of the program: the price table. Written by cmake/Embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace looktwice::openai {

struct EmbeddedFile {
  std::string_view name = {}, bytes = {};
};

std::span<const EmbeddedFile> price_files();  // adapters/openai/prices.csv

}  // namespace looktwice::openai
