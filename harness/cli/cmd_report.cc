#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "reports/leaderboard.h"

namespace looktwice::cli {
std::string run_report(const store::RunFolder& folder, const Terminal& terminal) {
  const reports::RunView view = reports::run_view(folder.path());
  return reports::render(reports::leaderboard({&view, 1}, {}), reports::Format::terminal,
                         render_options(terminal));
}
void add_report(Command& program, Context&) {
  program.add("report", "one run");
}
}  // namespace looktwice::cli
