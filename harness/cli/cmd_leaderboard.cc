// looktwice leaderboard: runs side by side, beside the published numbers.
#include <algorithm>

#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/leaderboard.h"

namespace looktwice::cli {
namespace {

struct LeaderboardCommand {
  std::vector<std::filesystem::path> runs = {};
  std::filesystem::path output_path = {};
  std::string format = "terminal", scorer = {};
  bool no_published = false, json = false;
};

int leaderboard(const LeaderboardCommand& options, const Context& context) {
  if (!options.scorer.empty() && options.scorer != "official" && options.scorer != "corrected")
    throw Error(Kind::usage,
                "--scorer=" + printable(options.scorer, 40) + ": expected official or corrected");
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  std::vector<reports::RunView> runs;
  for (const auto& folder : options.runs) runs.push_back(reports::run_view(folder));
  const reports::Leaderboard board =
      reports::leaderboard(runs, {.scorer = options.scorer, .published = !options.no_published});
  print(reports::render(board, format, render_options(context.terminal)));
  if (!options.output_path.empty())
    write_formats(options.output_path, "leaderboard",
                  [&](reports::Format f) { return reports::render(board, f); });
  const bool any = std::ranges::any_of(board.rows, [](const auto& row) { return !row.published; });
  if (!any) warn("no run is complete enough for a place");
  return any ? 0 : static_cast<int>(Kind::incomplete);
}

}  // namespace

void add_leaderboard(Command& program, Context& context) {
  Command command = program.add("leaderboard", "runs side by side, beside the published numbers");
  auto options = std::make_shared<LeaderboardCommand>();
  command.words("runs", options->runs, "run folders")
      .option("format", options->format, reports::format_names())
      .option("scorer", options->scorer,
              "official or corrected; default: official where there is one")
      .option("output_path", options->output_path,
              "also write leaderboard.md, .csv, .json, .tex and .html here")
      .flag("no_published", options->no_published, "without the rows of papers")
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return leaderboard(*options, context); });
}

}  // namespace looktwice::cli
