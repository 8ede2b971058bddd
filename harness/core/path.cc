#include "harness/core/path.h"

#include <system_error>

namespace looktwice {

bool is_there(const std::filesystem::path& path) {
  std::error_code fault;
  return std::filesystem::symlink_status(path, fault).type() !=
         std::filesystem::file_type::not_found;
}

}  // namespace looktwice
