// looktwice profile: how long a model takes, stage by stage, and whether the figures may be
// trusted.
#include <algorithm>
#include <cmath>

#include "adapters/imaging/codec.h"
#include "adapters/kernels/isa.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/run_options.h"
#include "harness/cli/version.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/predict.h"
#include "harness/run/profile.h"
#include "harness/store/frame.h"
#include "reports/escape.h"
#include "reports/latency.h"
#include "reports/trace.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

struct ProfileCommand {
  RunOptions run = {.limit = 32};
  fs::path from = {}, baseline = {};
  std::string format = "terminal";
  std::int64_t least_requests = 100;
  double least_seconds = 10, most_seconds = 600, most_others = 0.05, level = 0.95;
  int at_once = 1, warm_up = 1, least_passes = 2;
  bool require_valid = false;
};

void refuse(const char* name, const char* expected) {
  throw Error(Kind::usage, std::string("--") + name + ": expected " + expected);
}

void check(const ProfileCommand& options) {
  refuse_bad_level(options.level);
  if (!options.from.empty()) {
    if (!options.run.model.empty() || !options.run.tasks.empty())
      throw Error(Kind::usage, "--from shows what is measured already: no --model, no --tasks");
    return;
  }
  if (options.run.model.empty() || options.run.tasks.empty())
    throw Error(Kind::usage,
                "profile: --model and --tasks are needed, or --from with a folder to show");
  if (options.run.limit < 0) refuse("limit", "a whole number from 1, or 0 for all");
  if (options.run.num_fewshot < 0 || options.run.num_fewshot > 10000)
    refuse("num_fewshot", "0 to 10000");
  if (options.run.scoring.threads < 0 || options.run.scoring.threads > 1024)
    refuse("threads", "0 to 1024");
  if (options.least_requests < 1 || options.least_requests > 10000000)
    refuse("min_requests", "1 to 10000000");
  if (!(options.least_seconds >= 0 && options.least_seconds <= 86400))
    refuse("min_time", "seconds, 0 to 86400");
  if (!(options.most_seconds > 0 && options.most_seconds <= 604800))
    refuse("max_time", "seconds, more than 0, at most 604800");
  if (!(options.most_others >= 0 && options.most_others <= 1)) refuse("max_load", "0 to 1");
  if (options.at_once < 0 || options.at_once > 100000) refuse("at_once", "0 to 100000");
  if (options.warm_up < 1 || options.warm_up > 1000) refuse("warmup", "1 to 1000 passes");
  if (options.least_passes < 1 || options.least_passes > 100000)
    refuse("min_passes", "1 to 100000");
  (void)options.run.batch();
}

class Profiling {
 public:
  Profiling(const ProfileCommand& options, const Context& context)
      : options_(options),
        context_(context),
        line_(context.terminal.err_is_tty, options.run.quiet),
        codec_(imaging::make_codec()),
        threads_(options.run.scoring.threads > 0 ? options.run.scoring.threads
                                                 : available_threads()) {}

  // Measures and writes; gives the folder.
  fs::path measure() {
    entry_ = adapter_named(options_.run.model);
    arguments_ = arguments_of(options_.run.model_args);
    manifest_.model = entry_.name;
    manifest_.model_args_used = entry_.as_used(arguments_);
    load_tasks();
    make_adapter();
    manifest_.model_facts = adapter_->facts();
    manifest_.options_used = deciding_options(options_.run);
    manifest_.run = run_id(manifest_);
    const store::RunFolder folder = open_folder();
    const std::string started = utc_now();
    run::Profiled made =
        run::profile(tasks_, *adapter_, codec_, folder, manifest_.run, profile_options());
    line_.finish();
    describe(made.profile, started);
    write(folder, made);
    return folder.path();
  }

 private:
  void load_tasks() {
    for (const TaskName& name : tasks_named(options_.run.tasks)) {
      tasks_.push_back(loaded_task(name, {.data_root = options_.run.data_root,
                                          .num_fewshot = options_.run.num_fewshot,
                                          .seed = options_.run.scoring.seed,
                                          .limit = options_.run.limit,
                                          .threads = threads_,
                                          .codec = codec_}));
      const run::Task& task = tasks_.back();
      manifest_.tasks.push_back({.task = task.name,
                                 .variant = task.variant,
                                 .fingerprint = task.fingerprint.data,
                                 .references = task.fingerprint.references});
    }
  }

  void make_adapter() {
    // No cache of paid answers: what comes from it would be timed.
    Setting setting{.batch_size = options_.run.batch(),
                    .threads = threads_,
                    .seed = options_.run.scoring.seed,
                    .device = options_.run.device,
                    .max_cost = options_.run.paid.max_cost};
    if (entry_.recorded) {
      setting.sample_of = run::sample_lookup(tasks_);
      for (const run::Task& task : tasks_)
        for (const Sample& sample : task.samples) setting.samples.push_back(sample.id);
    }
    adapter_ = entry_.make(arguments_, setting);
  }

  store::RunFolder open_folder() {
    const fs::path path =
        options_.run.output_path.empty()
            ? fs::path("profiles") / (manifest_.model + "-" + manifest_.run.substr(0, 8))
            : options_.run.output_path;
    store::RunFolder folder = store::RunFolder::locked(path);
    for (const char* file : {"profile.json", "run.json", "predictions.jsonl"})
      if (fs::exists(path / file))
        throw Error(Kind::usage, printable(path.string()) + ": holds " + file +
                                     " already; choose another --output_path");
    return folder;
  }

  run::ProfileOptions profile_options() {
    return {.least_requests = options_.least_requests,
            .least_seconds = options_.least_seconds,
            .most_seconds = options_.most_seconds,
            .least_passes = options_.least_passes,
            .warm_up_passes = options_.warm_up,
            .at_once = options_.at_once,
            .batch_size = options_.run.batch(),
            .stop = context_.stop,
            .progress = [this](int pass, std::int64_t measured, std::int64_t least) {
              // Time may still be missing when the requests are together: one short of the end.
              if (pass > 0)
                line_.show("measuring", std::min(measured, least - 1), least, 0,
                           "pass " + std::to_string(pass));
              else
                line_.show("warming up", 0, least, 0, "");
            }};
  }

  void describe(store::Profile& profile, const std::string& started) const {
    profile.run = manifest_.run;
    profile.model = manifest_.model;
    profile.label = options_.run.label.empty() ? manifest_.model : options_.run.label;
    profile.version = version();
    profile.commit = commit();
    profile.started = started;
    profile.model_args = manifest_.model_args_used;
    profile.model_facts = adapter_->facts();
    profile.options = manifest_.options_used;
    profile.options["batch_size"] = options_.run.batch_size;
    profile.options["threads"] = std::to_string(threads_);
    profile.options["warmup"] = std::to_string(options_.warm_up);
    profile.machine.about["vector_code"] = kernels::name_of(kernels::best_isa());
    profile.most_others = options_.most_others;
    for (const run::Task& task : tasks_)
      profile.tasks.push_back(task.full_name() + ": " + std::to_string(task.samples.size()) +
                              " of " + std::to_string(task.samples_in_set) + " samples");
  }

  static void write(const store::RunFolder& folder, const run::Profiled& made) {
    std::string lines = store::file_header("timing", made.profile.run) + "\n";
    for (const store::Timing& timing : made.timings) lines += store::json_of(timing) + "\n";
    store::write_whole(folder.timing(), lines);
    store::write_whole(folder.path() / "profile.json", store::json_of(made.profile));
  }

  const ProfileCommand& options_;
  const Context& context_;
  ProgressLine line_;
  std::shared_ptr<const ImageCodec> codec_;
  const int threads_;
  AdapterEntry entry_;
  Arguments arguments_;
  std::vector<run::Task> tasks_;
  std::unique_ptr<Adapter> adapter_;
  store::Manifest manifest_;
};

int profile(const ProfileCommand& options, const Context& context) {
  check(options);
  const reports::Format shown =
      options.run.json ? reports::Format::json : format_of(options.format);
  // Read before hours are spent on the other one.
  std::optional<reports::Latency> before;
  if (!options.baseline.empty())
    before = reports::latency(reports::latency_view(options.baseline), options.level);
  const fs::path folder =
      options.from.empty() ? Profiling(options, context).measure() : options.from;
  const reports::Latency latency = reports::latency(reports::latency_view(folder), options.level);
  std::optional<reports::LatencyComparison> comparison;
  if (before) comparison = reports::compared(*before, latency);
  const reports::LatencyComparison* beside = comparison ? &*comparison : nullptr;
  const fs::path written =
      options.from.empty() || options.run.output_path.empty() ? folder : options.run.output_path;
  write_formats(written, "latency",
                [&](reports::Format format) { return reports::render(latency, beside, format); });
  store::write_whole(written / "trace.json", reports::chrome_trace(latency.view));
  print(reports::render(latency, beside, shown, render_options(context.terminal)));
  if (shown == reports::Format::terminal)
    print("\nWritten: " + reports::terminal_text((written / "latency.html").string()) +
          ", .md, .csv, .json, .tex, trace.json (open it in ui.perfetto.dev)\n");
  if (!latency.valid()) warn(reports::verdict_of(latency));
  if (context.stop->asked()) return 128 + context.stop->signal;
  if (latency.requests == latency.failed && latency.requests > 0) {
    warn("no request was answered");
    return static_cast<int>(Kind::model);
  }
  return options.require_valid && !latency.valid() ? static_cast<int>(Kind::gate) : 0;
}

}  // namespace

void add_profile(Command& program, Context& context) {
  Command command = program.add(
      "profile", "how long a model takes: percentiles per stage, a trace, VALID or why not");
  auto options = std::make_shared<ProfileCommand>();
  RunOptions& run = options->run;
  command.option("model", run.model, "adapter: see `looktwice list models`")
      .option("model_args", run.model_args, "options of the adapter: name=value,name=value")
      .option("tasks", run.tasks, "names, prefixes or globs, as for `run`")
      .option("data_root", run.data_root,
              "folder of the data set, or the folder that holds it; default: here")
      .option("output_path", run.output_path, "profile folder; default: profiles/MODEL-ID")
      .option("limit", run.limit, "samples per task, drawn with --seed; 0: all")
      .option("num_fewshot", run.num_fewshot, "normal reference pictures per sample")
      .option("seed", run.scoring.seed, "of sampling and few-shot choice")
      .option("batch_size", run.batch_size, "most requests an adapter gets at once, or auto")
      .option("device", run.device, "cpu or cuda:N, for adapters that have a choice")
      .option("threads", run.scoring.threads, "0: one per processor")
      .option("label", run.label, "name in tables; default: the model")
      .option("max_cost", run.paid.max_cost, "dollars that may be spent; 0: no bound")
      .option("at_once", options->at_once,
              "most requests in flight; 1: each alone, the latency of a single one; 0: as many as "
              "the adapter takes, the throughput")
      .option("warmup", options->warm_up, "passes over all requests before measuring")
      .option("min_requests", options->least_requests, "passes go on until so many are measured")
      .option("min_time", options->least_seconds, "and so many seconds")
      .option("min_passes", options->least_passes, "and so many passes")
      .option("max_time", options->most_seconds, "no pass begins after so many seconds")
      .option("max_load", options->most_others,
              "share of the machine that others may have in a VALID profile")
      .option("level", options->level, "of the intervals")
      .option("from", options->from,
              "show a profile folder, or the times of a run folder, again; measures nothing")
      .option("baseline", options->baseline, "profile folder to hold it against")
      .option("format", options->format, "of what is printed: " + reports::format_names())
      .flag("json", run.json, "the same as --format json")
      .flag("require_valid", options->require_valid, "exit 1 unless the profile is VALID")
      .flag("quiet", run.quiet, "no progress");
  command.action([=, &context] { return profile(*options, context); });
}

}  // namespace looktwice::cli
