// The rules file of `looktwice gate`: YAML, read strictly.
#pragma once

#include <filesystem>

#include "reports/gate.h"

namespace looktwice::cli {

// level: 0.95
// rules:
//   - {task: zsad.elpv, metric: auroc, floor: 75}
// Kind::usage with line and column for an unknown key (with a suggestion), a value of the wrong
// kind, a rule without a limit, anchors, aliases, tags, duplicate keys, several documents, a file
// over 1 MB.
reports::GateRules rules_of(const std::filesystem::path& file);

}  // namespace looktwice::cli
