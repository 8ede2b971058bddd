// Report formats as commands take them, and the files they become.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "harness/cli/command.h"
#include "reports/table.h"

namespace looktwice::cli {

reports::Format format_of(const std::string& name);  // Kind::usage with what there is
reports::RenderOptions render_options(const Terminal& terminal);

// NAME.md, NAME.csv, NAME.json, NAME.tex and NAME.html in the folder, each replaced at once or not
// at all.
void write_formats(const std::filesystem::path& folder, const std::string& name,
                   const std::function<std::string(reports::Format)>& text);

}  // namespace looktwice::cli
