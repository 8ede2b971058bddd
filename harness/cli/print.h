// Output of the commands. A closed pipe ends the process with 128+SIGPIPE, any other failed write
// is Kind::disk.
#pragma once

#include <string>
#include <string_view>

#include "harness/cli/command.h"
#include "harness/store/run_folder.h"

namespace looktwice::cli {

// Thrown by print when nobody reads any more.
struct ClosedPipe {};

void print(std::string_view text);  // to stdout, at once
// To stderr: "looktwice: ..."; control characters made visible, commands of continuous integration
// broken.
void warn(const std::string& message);

// The short report of a run, for its end.
std::string run_report(const store::RunFolder& folder, const Terminal& terminal);

}  // namespace looktwice::cli
