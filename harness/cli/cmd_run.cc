// looktwice run: the whole line, from data set to summary.
#include <sys/utsname.h>

#include <cstdio>
#include <iostream>

#include "adapters/imaging/codec.h"
#include "adapters/kernels/isa.h"
#include "harness/cli/command.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/run_options.h"
#include "harness/cli/version.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/predict.h"
#include "harness/store/disk.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> host_facts(int threads) {
  utsname system{};
  ::uname(&system);
  return {{"system", std::string(system.sysname) + " " + system.release},
          {"machine", system.machine},
          {"vector_code", kernels::name_of(kernels::best_isa())},  // decides how sums are rounded
          {"threads", std::to_string(threads)}};
}

class Run {
 public:
  Run(const RunOptions& options, const Context& context)
      : options_(options),
        context_(context),
        line_(context.terminal.err_is_tty, options.quiet),
        codec_(imaging::make_codec()) {}

  int execute() {
    check_options();
    load_tasks();
    make_adapter();
    describe();
    const store::RunFolder folder = open_folder();
    const run::PredictResult predicted = predict(folder);
    manifest_.dropped_records += predicted.dropped_records;
    if (context_.stop->asked()) return stopped(folder, predicted.progress);
    if (!predicted.stopped_because.empty()) return stopped_early(folder, predicted);
    const store::Summary summary = score(folder);
    if (context_.stop->asked()) return stopped(folder, predicted.progress);
    return finish(folder, summary, predicted);
  }

 private:
  void check_options() {
    score_options_ = options_.scoring.score_options();
    score_options_.stop = context_.stop;
    score_options_.progress = [this](const std::string& what, std::int64_t done, std::int64_t of) {
      line_.show(what, done, of, 0, "");
    };
    if (options_.map_dtype != "float32" && options_.map_dtype != "float16")
      throw Error(Kind::usage, "--map_dtype=" + printable(options_.map_dtype, 40) +
                                   ": expected float32 or float16");
    if (options_.maps != "auto" && options_.maps != "all")
      throw Error(Kind::usage, "--maps=" + printable(options_.maps, 40) + ": expected auto or all");
    if (options_.limit < 0) throw Error(Kind::usage, "--limit: expected a whole number from 1");
    if (options_.num_fewshot < 0 || options_.num_fewshot > 10000)
      throw Error(Kind::usage, "--num_fewshot: expected 0 to 10000");
    options_.paid.check();
    options_.marks.refuse_wrong();
    (void)options_.batch();
    (void)options_.tolerated(1);
    entry_ = adapter_named(options_.model);
    arguments_ = arguments_of(options_.model_args);
    manifest_.model_args_used = entry_.as_used(arguments_);  // refuses wrong ones before any work
  }

  void load_tasks() {
    const int threads = score_options_.metric.threads;
    for (const TaskName& name : tasks_named(options_.tasks))
      tasks_.push_back(loaded_task(name, {.data_root = options_.data_root,
                                          .num_fewshot = options_.num_fewshot,
                                          .seed = options_.scoring.seed,
                                          .limit = options_.limit,
                                          .threads = threads,
                                          .codec = codec_}));
    for (const run::Task& task : tasks_)
      for (const std::string& warning : task.warnings) warn(task.full_name() + ": " + warning);
    marks_ = marks_in_use(options_.marks, tasks_, codec_);
    if (marks_)
      for (const std::string& warning : marks_->warnings) warn(warning);
  }

  void make_adapter() {
    Setting setting{.batch_size = options_.batch(),
                    .threads = score_options_.metric.threads,
                    .seed = options_.scoring.seed,
                    .device = options_.device,
                    .cache = options_.paid.answer_cache(),
                    .max_cost = options_.paid.max_cost};
    if (entry_.recorded) {
      setting.sample_of = run::sample_lookup(tasks_);
      for (const run::Task& task : tasks_)
        for (const Sample& sample : task.samples) setting.samples.push_back(sample.id);
    }
    adapter_ = entry_.make(arguments_, setting);
  }

  void describe() {
    manifest_.version = version();
    manifest_.commit = commit();
    manifest_.model = entry_.name;
    manifest_.label = options_.label.empty() ? entry_.name : options_.label;
    manifest_.model_args_asked = arguments_;
    manifest_.model_facts = adapter_->facts();
    // They change how answers are got, never an answer: a run that is gone on with may have others.
    for (const std::string& name : entry_.incidental)
      if (auto option = manifest_.model_args_used.extract(name))
        manifest_.options_used["model_args." + name] = std::move(option.mapped());
    for (std::size_t i = 0; i < context_.words.size(); ++i)
      manifest_.options_asked[std::to_string(i + 1)] = valid_utf8(context_.words[i]);
    manifest_.options_used.merge(deciding_options(options_));
    manifest_.options_used.merge(options_.scoring.as_used());
    manifest_.trained_on = list_of(options_.trained_on);
    if (marks_) {
      manifest_.options_used.merge(marks_->as_used);
      manifest_.flags = marks_->flags;
    }
    manifest_.options_used["data_root"] = fs::absolute(options_.data_root).string();
    for (const run::Task& task : tasks_) {
      manifest_.tasks.push_back({.task = task.name,
                                 .variant = task.variant,
                                 .root = fs::absolute(task.root),
                                 .fingerprint = task.fingerprint.data,
                                 .references = task.fingerprint.references,
                                 .samples = static_cast<std::int64_t>(task.samples.size()),
                                 .warnings = task.warnings});
      manifest_.partial =
          manifest_.partial || task.samples_in_set > static_cast<std::int64_t>(task.samples.size());
    }
    manifest_.host = host_facts(score_options_.metric.threads);
    manifest_.started = utc_now();
    manifest_.run = run_id(manifest_);
  }

  store::RunFolder open_folder() {
    const fs::path path =
        options_.output_path.empty()
            ? fs::path("runs") / (manifest_.model + "-" + manifest_.run.substr(0, 8))
            : options_.output_path;
    store::RunFolder folder = store::RunFolder::locked(path);
    if (fs::exists(folder.manifest())) {
      const store::Manifest before = store::read_manifest(folder.manifest());
      if (before.run != manifest_.run) {
        std::string message = printable(path.string()) +
                              ": holds another run; choose another --output_path. It differs in";
        for (const std::string& line : differences(before, manifest_)) message += "\n  " + line;
        throw Error(Kind::usage, message);
      }
      manifest_.started = before.started;
      manifest_.dropped_records = before.dropped_records;
    } else if (fs::exists(folder.predictions())) {
      throw Error(
          Kind::data,
          printable(path.string()) +
              ": predictions.jsonl without run.json; expected a run folder or an empty one");
    }
    std::error_code failed;
    fs::create_directories(folder.maps(), failed);
    if (failed) store::disk_failure(folder.maps(), "create the folder", failed.value());
    store::write_whole(folder.manifest(), json_of(manifest_));
    return folder;
  }

  run::PredictResult predict(const store::RunFolder& folder) {
    std::int64_t samples = 0;
    for (const run::Task& task : tasks_) samples += static_cast<std::int64_t>(task.samples.size());
    const run::PredictOptions options{.batch_size = options_.batch(),
                                      .half_maps = options_.map_dtype == "float16",
                                      .all_maps = options_.maps == "all",
                                      .max_failed = options_.tolerated(samples),
                                      .marks = marks_ ? &marks_->marks : nullptr,
                                      .stop = context_.stop,
                                      .progress = [this](const run::Progress& p) {
                                        line_.show("answering", p.done, p.samples, p.resumed,
                                                   failures_and_money(p, adapter_->spending()));
                                      }};
    run::PredictResult result =
        run::predict(tasks_, *adapter_, codec_, folder, manifest_.run, options);
    line_.finish();
    for (const auto& [name, value] : adapter_->facts()) manifest_.model_facts[name] = value;
    if (result.dropped_records > 0)
      warn(std::to_string(result.dropped_records) +
           " damaged records of predictions.jsonl were cut out and answered again");
    return result;
  }

  store::Summary score(const store::RunFolder& folder) {
    store::Summary summary = run::score(
        tasks_, *codec_, folder, {manifest_.run, manifest_.model, manifest_.label, manifest_.flags},
        score_options_);
    line_.finish();
    return summary;
  }

  int stopped(const store::RunFolder& folder, const run::Progress& progress) {
    line_.finish();
    warn("stopped after " + std::to_string(progress.done) + " of " +
         std::to_string(progress.samples) +
         " samples; the same command goes on: " + folder.path().string());
    store::write_whole(folder.manifest(), json_of(manifest_));
    return 128 + context_.stop->signal;
  }

  int stopped_early(const store::RunFolder& folder, const run::PredictResult& predicted) {
    line_.finish();
    warn(predicted.stopped_because);
    warn("stopped after " + std::to_string(predicted.progress.done) + " of " +
         std::to_string(predicted.progress.samples) + " samples: " + folder.path().string());
    store::write_whole(folder.manifest(), json_of(manifest_));
    return static_cast<int>(Kind::incomplete);
  }

  int finish(const store::RunFolder& folder, const store::Summary& summary,
             const run::PredictResult& predicted) {
    const std::int64_t open = run::incomplete_samples(summary);
    const std::int64_t tolerated =
        std::max<std::int64_t>(0, options_.tolerated(predicted.progress.samples));
    manifest_.complete = predicted.complete && open == 0;
    if (manifest_.finished.empty()) manifest_.finished = utc_now();
    store::write_whole(folder.manifest(), json_of(manifest_));
    if (options_.json)
      print(store::json_of(summary));
    else
      print(run_report(folder, context_.terminal));
    if (!predicted.complete || open > tolerated) {
      warn(std::to_string(open) + " samples have no answer; the same command asks them again");
      return static_cast<int>(Kind::incomplete);
    }
    if (run::scored_samples(summary) == 0) {
      warn("no sample could be scored");
      return static_cast<int>(Kind::model);
    }
    return 0;
  }

  const RunOptions& options_;
  const Context& context_;
  ProgressLine line_;
  std::shared_ptr<const ImageCodec> codec_;
  run::ScoreOptions score_options_;
  AdapterEntry entry_;
  Arguments arguments_;
  std::vector<run::Task> tasks_;
  std::optional<MarksInUse> marks_;
  std::unique_ptr<Adapter> adapter_;
  store::Manifest manifest_;
};

}  // namespace

void add_run(Command& program, Context& context) {
  Command command = program.add("run", "ask a model about a data set, score the answers, report");
  auto options = std::make_shared<RunOptions>();
  options->add_to(command);
  command.action([options, &context] { return Run(*options, context).execute(); });
}

}  // namespace looktwice::cli
