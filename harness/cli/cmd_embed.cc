// looktwice embed: a sentence encoder is asked about recorded answers and their references; how
// alike they are, as texts (SBERT) or token by token (BERTScore), then stands in the summary.
#include <sstream>

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
  std::string encoder = "minilm", encoder_args = {}, similarity = "sbert", device = "cpu";
  int batch_size = 0, threads = 0;
  bool quiet = false, json = false;
};

struct Similarities {
  bool texts = false, tokens = false;
};

Similarities similarities_named(const std::string& names) {
  Similarities asked;
  std::istringstream in(names);
  for (std::string name; std::getline(in, name, ',');) {
    if (name == "sbert")
      asked.texts = true;
    else if (name == "bertscore")
      asked.tokens = true;
    else
      throw Error(Kind::usage, "--similarity: '" + printable(name, 40) +
                                   "': expected sbert, bertscore or both with a comma between");
  }
  if (!asked.texts && !asked.tokens)
    throw Error(Kind::usage, "--similarity: expected sbert, bertscore or both");
  return asked;
}

int embed(const EmbedCommand& options, const Context& context) {
  if (options.batch_size < 0) throw Error(Kind::usage, "--batch_size: expected 0 or more");
  const Similarities asked_for = similarities_named(options.similarity);
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
  const auto* token_encoder = dynamic_cast<const TokenEncoder*>(adapter.get());
  if (asked_for.tokens && !token_encoder)
    throw Error(Kind::usage, "--similarity=bertscore: " + entry.name +
                                 " gives no states of tokens; minilm does");
  setup.model_facts = adapter->facts();
  manifest.encoders[setup.id()] = setup.facts();
  store::write_whole(folder.manifest(), json_of(manifest));

  ProgressLine line(context.terminal.err_is_tty, options.quiet);
  std::int64_t failed = 0, asked = 0;
  for (const bool tokens : {false, true}) {
    if (!(tokens ? asked_for.tokens : asked_for.texts)) continue;
    const std::string what = tokens ? "pairs" : "texts";
    const run::PredictOptions predict_options{
        .batch_size = options.batch_size,
        .stop = context.stop,
        .progress = [&](const run::Progress& p) {
          line.show(tokens ? "comparing" : "embedding", p.done, p.samples, p.resumed,
                    p.failed > 0 ? std::to_string(p.failed) + " failed" : "");
        }};
    const run::PredictResult result =
        tokens ? run::match(run::Matching(setup, outcomes), *token_encoder, folder, manifest.run,
                            predict_options)
               : run::embed(run::Embedding(setup, outcomes), *adapter, folder, manifest.run,
                            predict_options);
    line.finish();
    if (context.stop->asked()) {
      warn("stopped after " + std::to_string(result.progress.done) + " of " +
           std::to_string(result.progress.samples) + " " + what + "; the same command goes on");
      return 128 + context.stop->signal;
    }
    failed += result.progress.failed;
    asked += result.progress.samples;
    manifest.options_used[tokens ? "token_encoder" : "encoder"] = setup.id();
  }
  // What was asked for is in the summary from now on, also after `looktwice score`.
  if (asked_for.tokens) {
    std::string& metrics = manifest.options_used["metrics"];
    for (const char* name : {"bertscore_f", "bertscore_precision", "bertscore_recall"})
      if (("," + metrics + ",").find(std::string(",") + name + ",") == std::string::npos)
        metrics += (metrics.empty() ? "" : ",") + std::string(name);
  }

  ScoringOptions scoring = stored_scoring(manifest);
  scoring.threads = options.threads;
  run::ScoreOptions score_options = scoring.score_options();
  score_options.judge = stored_judge(manifest, "");
  score_options.encoder = stored_encoder(manifest);
  score_options.token_encoder = stored_token_encoder(manifest);
  score_options.stop = context.stop;
  const auto codec = imaging::make_codec();
  const std::vector<run::Task> tasks =
      stored_tasks(manifest, options.data_root, score_options.metric.threads, codec);
  const store::Summary summary =
      run::score(tasks, *codec, folder,
                 {manifest.run, manifest.model, manifest.label, manifest.flags}, score_options);
  if (context.stop->asked()) return 128 + context.stop->signal;
  store::write_whole(folder.manifest(), json_of(manifest));
  print(options.json ? store::json_of(summary) : run_report(folder, context.terminal));
  if (failed > 0)
    warn(std::to_string(failed) + " of " + std::to_string(asked) +
         " have no answer of the encoder; the same command asks for them again");
  return failed > 0 ? static_cast<int>(Kind::incomplete) : 0;
}

}  // namespace

void add_embed(Command& program, Context& context) {
  Command command = program.add(
      "embed",
      "similarity (SBERT, BERTScore) of recorded answers and their references, by an encoder");
  auto options = std::make_shared<EmbedCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("encoder", options->encoder,
              "adapter that embeds: minilm, or any that gives `embedding`")
      .option("encoder_args", options->encoder_args, "its options: name=value,name=value")
      .option("similarity", options->similarity,
              "sbert: of texts; bertscore: of their tokens; or sbert,bertscore")
      .option("batch_size", options->batch_size, "most texts at once; 0: as the encoder likes")
      .option("device", options->device, "cpu or cuda:N, for adapters that have a choice")
      .option("threads", options->threads, "0: one per processor")
      .option("data_root", options->data_root, "where the data lies now; default: as in the run")
      .flag("json", options->json, "print the summary as JSON")
      .flag("quiet", options->quiet, "no progress");
  command.action([options, &context] { return embed(*options, context); });
}

}  // namespace looktwice::cli
