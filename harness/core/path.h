// What a path leads to, without opening it. Not here: reading (file_bytes in image.h).
#pragma once

#include <filesystem>

namespace looktwice {
// Whether its folder has such an entry. A link that leads nowhere or in a circle is one, and so is
// what may not be looked at: reading it then tells what is wrong, where "missing" would be wrong.
bool is_there(const std::filesystem::path& path);
}  // namespace looktwice
