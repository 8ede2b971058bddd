// looktwice score: marks and measures a run again from what its folder holds; the model is not
// asked.
#include <charconv>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/device_pixels.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/run_options.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

struct ScoreCommand {
  std::filesystem::path run = {}, data_root = {};
  std::string device = "cpu";
  bool json = false, quiet = false;
  ScoringOptions scoring = {};
};

template <class Number>
Number used_number(const store::Manifest& manifest, const char* name) {
  const auto found = manifest.options_used.find(name);
  Number value{};
  if (found != manifest.options_used.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) return value;
  }
  throw Error(Kind::data, std::string("run.json: options_used: '") + name + "': expected a number");
}

std::vector<run::Task> tasks_of(const store::Manifest& manifest, const ScoreCommand& options,
                                const std::shared_ptr<const ImageCodec>& codec, int threads) {
  std::vector<run::Task> tasks;
  for (const store::TaskManifest& there : manifest.tasks) {
    tasks.push_back(
        loaded_task({there.task, there.variant},
                    {.data_root = options.data_root.empty() ? there.root : options.data_root,
                     .num_fewshot = used_number<int>(manifest, "num_fewshot"),
                     .seed = used_number<std::uint64_t>(manifest, "seed"),
                     .limit = used_number<std::int64_t>(manifest, "limit"),
                     .threads = threads,
                     .codec = codec}));
    if (tasks.back().fingerprint.data != there.fingerprint ||
        tasks.back().fingerprint.references != there.references)
      throw Error(Kind::data, printable(tasks.back().root.string()) + ": the data of " +
                                  there.task + " changed since the run (fingerprint " +
                                  tasks.back().fingerprint.data.substr(0, 12) + ", the run has " +
                                  there.fingerprint.substr(0, 12) + ")");
  }
  return tasks;
}

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
  const std::vector<run::Task> tasks = tasks_of(manifest, options, codec, scoring.metric.threads);
  const store::Summary summary =
      run::score(tasks, *codec, folder, {manifest.run, manifest.model, manifest.label}, scoring);
  line.finish();
  if (context.stop->asked()) return 128 + context.stop->signal;
  for (const auto& [name, value] : options.scoring.as_used()) manifest.options_used[name] = value;
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
      .flag("json", options->json, "print the summary as JSON")
      .flag("quiet", options->quiet, "no progress");
  options->scoring.add_to(command);
  command.action([options, &context] { return score(*options, context); });
}

}  // namespace looktwice::cli
