// looktwice plan: how many samples a comparison needs, and what a data set can show.
#include <optional>

#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/core/error.h"
#include "harness/core/options.h"
#include "reports/plan.h"

namespace looktwice::cli {
namespace {

struct PlanCommand {
  std::vector<std::filesystem::path> runs = {};
  std::string format = "terminal", scorer = {};
  std::string mde = {}, samples = {}, auroc = {}, share_anomalous = {}, disagree = {},
              correlation = {}, deviation = {};  // empty: not given
  double level = 0.95, power = 0.8;
  bool json = false;
};

template <class Number>
std::optional<Number> given(const char* name, const std::string& text) {
  if (text.empty()) return {};
  Number number{};
  parse_option(std::string("--") + name, text, number);
  return number;
}

int plan(const PlanCommand& options, const Context& context) {
  if (options.runs.size() > 2) throw Error(Kind::usage, "plan: expected at most two run folders");
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  std::vector<reports::RunView> runs;
  for (const auto& folder : options.runs) runs.push_back(reports::run_view(folder));
  const reports::Plan result =
      reports::plan(runs.empty() ? nullptr : &runs[0], runs.size() > 1 ? &runs[1] : nullptr,
                    {.mde = given<double>("mde", options.mde),
                     .samples = given<std::int64_t>("samples", options.samples),
                     .auroc = given<double>("auroc", options.auroc),
                     .share_anomalous = given<double>("share_anomalous", options.share_anomalous),
                     .disagree = given<double>("disagree", options.disagree),
                     .correlation = given<double>("correlation", options.correlation),
                     .deviation = given<double>("deviation", options.deviation),
                     .level = options.level,
                     .power = options.power,
                     .scorer = options.scorer});
  print(reports::render(result, format, render_options(context.terminal)));
  return 0;
}

}  // namespace

void add_plan(Command& program, Context& context) {
  Command command =
      program.add("plan", "how many samples a comparison needs, what a data set can show");
  auto options = std::make_shared<PlanCommand>();
  command
      .words("runs", options->runs,
             "run folder that tells AUROC and classes; a second one tells how both go together",
             Command::Need::optional)
      .option("mde", options->mde, "smallest difference to be seen, in points of percent: 1.0")
      .option("samples", options->samples, "of a data set, instead of the run's")
      .option("auroc", options->auroc, "percent; default: the run's, else 80")
      .option("share_anomalous", options->share_anomalous,
              "percent of the samples; default: the run's, else 50")
      .option("disagree", options->disagree,
              "percent of the samples that exactly one model gets right; default: as both runs do, "
              "else 10")
      .option("correlation", options->correlation,
              "of both AUROCs; default: as of both runs, else 0.5")
      .option("deviation", options->deviation,
              "standard deviation of the differences of a value per sample (ROUGE-L, SBERT), in "
              "points: adds a row for it")
      .option("level", options->level, "of confidence: 0.95 is a false alarm in 20")
      .option("power", options->power, "chance to see a difference that is there")
      .option("scorer", options->scorer, "official or corrected, for what runs disagree on")
      .option("format", options->format, reports::format_names())
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return plan(*options, context); });
}

}  // namespace looktwice::cli
