// The command line before CLI11 sees it: '-' and '_' made the same, a configuration file spliced
// in.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace looktwice::cli {

// "--data-root=x" to "--data_root=x"; values stay as they are.
std::vector<std::string> normalised(const std::vector<std::string>& words);

// run.yaml: a mapping of option names to scalars, lists of scalars (joined by ',') or mappings of
// scalars (a=1,b=2). Anchors, aliases, tags, duplicate keys, several documents and files over 1 MB
// are refused with line and column.
std::vector<std::pair<std::string, std::string>> config_options(const std::filesystem::path& file);

// words with the options of `--config FILE` put before the first option, so that options on the
// command line win.
std::vector<std::string> with_config(const std::vector<std::string>& words);

}  // namespace looktwice::cli
