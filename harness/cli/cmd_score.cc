// looktwice score: marks and measures a run again from what its folder holds; the model is not
// asked.
#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/device_pixels.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/run_options.h"
#include "harness/cli/stored_run.h"
#include "harness/core/error.h"

namespace looktwice::cli {
namespace {

struct ScoreCommand {
  std::filesystem::path run = {}, data_root = {};
  std::string device = "cpu", judge = {};
  bool json = false, quiet = false;
  ScoringOptions scoring = {};
};

int score(const ScoreCommand& options, const Context& context) {
  run::ScoreOptions scoring = options.scoring.score_options();
  ProgressLine line(context.terminal.err_is_tty, options.quiet);
  scoring.metric.pixel_engine = pixel_engine_on(options.device);
  scoring.stop = context.stop;
  scoring.progress = [&](const std::string& what, std::int64_t done, std::int64_t of) {
    line.show(what, done, of, 0, "");
  };
  (void)store::RunFolder::existing(options.run);
  const store::RunFolder folder = store::RunFolder::locked(options.run);
  store::Manifest manifest = store::read_manifest(folder.manifest());
  const auto codec = imaging::make_codec();
  const std::vector<run::Task> tasks =
      stored_tasks(manifest, options.data_root, scoring.metric.threads, codec);
  scoring.judge = stored_judge(manifest, options.judge);
  scoring.encoder = stored_encoder(manifest);
  scoring.token_encoder = stored_token_encoder(manifest);
  const store::Summary summary =
      run::score(tasks, *codec, folder,
                 {manifest.run, manifest.model, manifest.label, manifest.flags}, scoring);
  line.finish();
  if (context.stop->asked()) return 128 + context.stop->signal;
  for (const auto& [name, value] : options.scoring.as_used()) manifest.options_used[name] = value;
  if (scoring.judge) manifest.options_used["judge"] = scoring.judge->id();
  if (options.judge == "none") manifest.options_used.erase("judge");
  manifest.complete = run::incomplete_samples(summary) == 0;
  store::write_whole(folder.manifest(), json_of(manifest));
  print(options.json ? store::json_of(summary) : run_report(folder, context.terminal));
  if (!manifest.complete) return static_cast<int>(Kind::incomplete);
  return run::scored_samples(summary) == 0 ? static_cast<int>(Kind::model) : 0;
}

}  // namespace

void add_score(Command& program, Context& context) {
  Command command = program.add("score", "mark and measure a run again; the model is not asked");
  auto options = std::make_shared<ScoreCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("data_root", options->data_root, "where the data lies now; default: as in the run")
      .option("device", options->device,
              "who counts pixels: cpu, or cuda:N for the same bits on a GPU")
      .option("judge", options->judge,
              "whose points to show: an id of run.json, or none; default: who judged last")
      .flag("json", options->json, "print the summary as JSON")
      .flag("quiet", options->quiet, "no progress");
  options->scoring.add_to(command);
  command.action([options, &context] { return score(*options, context); });
}

}  // namespace looktwice::cli
