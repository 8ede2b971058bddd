// looktwice gate: does a run pass? Exit 0 when all rules hold, 1 when one does not, 3 when the run
// is not complete.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/rules.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/store/disk.h"
#include "harness/store/run_folder.h"
#include "reports/gate.h"

namespace looktwice::cli {
namespace {

struct GateCommand {
  std::filesystem::path run = {}, baseline = {}, rules = {}, junit = {}, markdown = {};
  std::string format = "terminal";
  int resamples = 1000, threads = 0;
  std::uint64_t seed = 0;
  bool intersect = false, allow_partial = false, github = false, json = false;
};

// A job summary is a file to which every step adds its part.
void append(const std::filesystem::path& file, const std::string& text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                                S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  if (descriptor < 0) store::disk_failure(file, "open", errno);
  try {
    store::write_all(descriptor, text, file);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  if (::close(descriptor) != 0) store::disk_failure(file, "close", errno);
}

std::filesystem::path summary_file(const GateCommand& options) {
  if (!options.github) return {};
  const char* file = std::getenv("GITHUB_STEP_SUMMARY");
  if (!file || !*file)
    throw Error(Kind::usage,
                "--github: GITHUB_STEP_SUMMARY is not set; --markdown FILE writes the "
                "same anywhere");
  return file;
}

int gate(const GateCommand& options, const Context& context) {
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  if (options.resamples < 2 || options.resamples > 1000000)
    throw Error(Kind::usage, "--resamples: expected 2 to 1000000");
  const std::filesystem::path summary = summary_file(options);
  const reports::GateRules rules = rules_of(options.rules);
  const reports::RunView run = reports::run_view(options.run);
  std::optional<reports::RunView> baseline;
  if (!options.baseline.empty()) baseline = reports::run_view(options.baseline);
  const reports::Gate result =
      reports::gate(run, baseline ? &*baseline : nullptr, rules,
                    {.intersect = options.intersect,
                     .allow_partial = options.allow_partial,
                     .resamples = options.resamples,
                     .threads = options.threads > 0 ? options.threads : available_threads(),
                     .seed = options.seed});
  print(reports::render(result, format, render_options(context.terminal)));
  if (!options.junit.empty()) store::write_whole(options.junit, reports::junit(result));
  const std::string markdown = reports::render(result, reports::Format::markdown) + "\n";
  if (!options.markdown.empty()) append(options.markdown, markdown);
  if (!summary.empty()) append(summary, markdown);
  if (result.incomplete) {
    for (const std::string& state : result.states) warn(state);
    return static_cast<int>(Kind::incomplete);
  }
  return result.count(reports::Verdict::failed) > 0 ? static_cast<int>(Kind::gate) : 0;
}

}  // namespace

void add_gate(Command& program, Context& context) {
  Command command = program.add(
      "gate", "does a run pass? exit 0 when all rules hold, 1 when one fails, 3 when incomplete");
  auto options = std::make_shared<GateCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("rules", options->rules, "YAML file: floors, margins, coverage (docs/comparing.md)",
              Command::Need::required)
      .option("baseline", options->baseline, "run folder that margins compare with")
      .option("format", options->format, reports::format_names())
      .option("junit", options->junit, "write JUnit XML here")
      .option("markdown", options->markdown, "append the result as Markdown to this file")
      .option("resamples", options->resamples, "of the bootstrap of AP and F1-max")
      .option("seed", options->seed, "of the bootstrap")
      .option("threads", options->threads, "0: one per processor; never changes a result")
      .flag("github", options->github, "append the Markdown to $GITHUB_STEP_SUMMARY")
      .flag("intersect", options->intersect, "margins over the samples that both runs have")
      .flag("allow_partial", options->allow_partial, "judge runs made with --limit")
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return gate(*options, context); });
}

}  // namespace looktwice::cli
