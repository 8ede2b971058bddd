// A file that is part of the program. Made by cmake/Embed.cmake.
#pragma once

#include <string_view>

namespace looktwice {

struct EmbeddedFile {
  std::string_view name = {}, bytes = {};
};

}  // namespace looktwice
