// looktwice embed: a sentence encoder gives recorded answers and their references embeddings; their
// cosine (SBERT) then stands in the summary.
#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/stored_run.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/embed.h"

namespace looktwice::cli {
namespace {

struct EmbedCommand {
  std::filesystem::path run = {}, data_root = {};
  std::string encoder = "minilm", encoder_args = {}, device = "cpu";
  int batch_size = 0, threads = 0;
  bool quiet = false, json = false;
};

int embed(const EmbedCommand& options, const Context& context) {
  if (options.batch_size < 0) throw Error(Kind::usage, "--batch_size: expected 0 or more");
  const AdapterEntry entry = adapter_named(options.encoder);
  if (entry.recorded)
    throw Error(Kind::usage, "--encoder=" + options.encoder + ": recorded answers are no encoder");
  const Arguments arguments = arguments_of(options.encoder_args);

  (void)store::RunFolder::existing(options.run);
  const store::RunFolder folder = store::RunFolder::locked(options.run);
  store::Manifest manifest = store::read_manifest(folder.manifest());
  const std::vector<Outcome> outcomes = stored_outcomes(folder, manifest.run);
  run::EncoderSetup setup{.model = entry.name, .model_args = entry.as_used(arguments)};
  if (run::Embedding(setup, outcomes).size() == 0)
    throw Error(Kind::data, printable(folder.path().string()) +
                                ": no answer with a reference to compare it with; tasks of "
                                "reasoning have them");
  const auto adapter =
      entry.make(arguments, {.batch_size = options.batch_size,
                             .threads = options.threads > 0 ? options.threads : available_threads(),
                             .device = options.device});
  setup.model_facts = adapter->facts();
  const run::Embedding embedding(setup, outcomes);
  manifest.encoders[setup.id()] = setup.facts();
  store::write_whole(folder.manifest(), json_of(manifest));

  ProgressLine line(context.terminal.err_is_tty, options.quiet);
  const run::PredictResult asked =
      run::embed(embedding, *adapter, folder, manifest.run,
                 {.batch_size = options.batch_size,
                  .stop = context.stop,
                  .progress = [&](const run::Progress& p) {
                    line.show("embedding", p.done, p.samples, p.resumed,
                              p.failed > 0 ? std::to_string(p.failed) + " failed" : "");
                  }});
  line.finish();
  if (context.stop->asked()) {
    warn("stopped after " + std::to_string(asked.progress.done) + " of " +
         std::to_string(asked.progress.samples) + " texts; the same command goes on");
    return 128 + context.stop->signal;
  }

  ScoringOptions scoring = stored_scoring(manifest);
  scoring.threads = options.threads;
  run::ScoreOptions score_options = scoring.score_options();
  score_options.judge = stored_judge(manifest, "");
  score_options.encoder = setup;
  score_options.stop = context.stop;
  const auto codec = imaging::make_codec();
  const std::vector<run::Task> tasks =
      stored_tasks(manifest, options.data_root, score_options.metric.threads, codec);
  const store::Summary summary =
      run::score(tasks, *codec, folder,
                 {manifest.run, manifest.model, manifest.label, manifest.flags}, score_options);
  if (context.stop->asked()) return 128 + context.stop->signal;
  manifest.options_used["encoder"] = setup.id();
  store::write_whole(folder.manifest(), json_of(manifest));
  print(options.json ? store::json_of(summary) : run_report(folder, context.terminal));
  if (asked.progress.failed > 0)
    warn(std::to_string(asked.progress.failed) + " of " + std::to_string(asked.progress.samples) +
         " texts have no embedding; the same command asks for them again");
  return asked.progress.failed > 0 ? static_cast<int>(Kind::incomplete) : 0;
}

}  // namespace

void add_embed(Command& program, Context& context) {
  Command command = program.add(
      "embed", "similarity (SBERT) of recorded answers and their references, by an encoder");
  auto options = std::make_shared<EmbedCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("encoder", options->encoder,
              "adapter that embeds: minilm, or any that gives `embedding`")
      .option("encoder_args", options->encoder_args, "its options: name=value,name=value")
      .option("batch_size", options->batch_size, "most texts at once; 0: as the encoder likes")
      .option("device", options->device, "cpu or cuda:N, for adapters that have a choice")
      .option("threads", options->threads, "0: one per processor")
      .option("data_root", options->data_root, "where the data lies now; default: as in the run")
      .flag("json", options->json, "print the summary as JSON")
      .flag("quiet", options->quiet, "no progress");
  command.action([options, &context] { return embed(*options, context); });
}

}  // namespace looktwice::cli
