// looktwice compare: what differs between runs over the same samples, and whether it is more than
// chance.
#include <algorithm>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/compare.h"

namespace looktwice::cli {
namespace {

struct CompareCommand {
  std::vector<std::filesystem::path> runs = {};
  std::filesystem::path output_path = {};
  std::string format = "terminal", scorer = {}, tasks = {}, metrics = {};
  double level = 0.95;
  int resamples = 1000, threads = 0, listed = 10;
  std::uint64_t seed = 0;
  bool intersect = false, json = false;
};

int compare(const CompareCommand& options, const Context& context) {
  if (options.runs.size() < 2)
    throw Error(Kind::usage, "compare: expected at least two run folders");
  if (!options.scorer.empty() && options.scorer != "official" && options.scorer != "corrected")
    throw Error(Kind::usage,
                "--scorer=" + printable(options.scorer, 40) + ": expected official or corrected");
  refuse_bad_level(options.level);
  if (options.resamples < 0 || options.resamples > 1000000)
    throw Error(Kind::usage, "--resamples: expected 0 to 1000000");
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  std::vector<reports::RunView> runs;
  for (const auto& folder : options.runs) runs.push_back(reports::run_view(folder));
  const reports::Comparison comparison = reports::compare(
      runs, {.scorer = options.scorer,
             .tasks = list_of(options.tasks),
             .metrics = list_of(options.metrics),
             .intersect = options.intersect,
             .level = options.level,
             .resamples = options.resamples,
             .seed = options.seed,
             .threads = options.threads > 0 ? options.threads : available_threads(),
             .listed = std::max(0, options.listed)});
  const auto text = [&](reports::Format f, const reports::RenderOptions& how) {
    return f == reports::Format::html
               ? reports::html_comparison(comparison, runs, *imaging::make_codec(), {})
               : reports::render(comparison, f, how);
  };
  print(text(format, render_options(context.terminal)));
  if (!options.output_path.empty())
    write_formats(options.output_path, "compare", [&](reports::Format f) { return text(f, {}); });
  bool incomplete = false;
  for (const reports::Comparison::Run& run : comparison.runs)
    if (run.incomplete) {
      incomplete = true;
      warn(run.name + ": " + run.state);
    }
  return incomplete ? static_cast<int>(Kind::incomplete) : 0;
}

}  // namespace

void add_compare(Command& program, Context& context) {
  Command command = program.add(
      "compare", "what differs between runs over the same samples, and whether it is chance");
  auto options = std::make_shared<CompareCommand>();
  command.words("runs", options->runs, "run folders; each is compared with the first")
      .option("format", options->format, reports::format_names())
      .option("scorer", options->scorer,
              "official or corrected; default: official where there is one")
      .option("tasks", options->tasks, "names or globs; default: all")
      .option("metrics", options->metrics,
              "names or globs, auroc,f1*; default: all. Fewer tests, milder correction")
      .option("level", options->level, "of the intervals")
      .option("resamples", options->resamples, "of the bootstrap of AP and F1-max; 0: none")
      .option("seed", options->seed, "of the bootstrap")
      .option("threads", options->threads, "0: one per processor; never changes a result")
      .option("listed", options->listed, "how many flipped samples are named, per direction")
      .option("output_path", options->output_path,
              "also write compare.md, .csv, .json, .tex and .html (with pictures) here")
      .flag("intersect", options->intersect, "compare the samples that both runs have")
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return compare(*options, context); });
}

}  // namespace looktwice::cli
