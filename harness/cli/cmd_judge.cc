// looktwice judge: asks a judge about recorded answers. looktwice judge audit: how far judges can
// be trusted.
#include <algorithm>
#include <functional>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/paid_options.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/stored_run.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/judge.h"
#include "harness/run/judge_audit.h"
#include "metrics/stats/cluster_mean.h"
#include "reports/table.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

struct JudgeCommand {
  std::vector<fs::path> runs = {};
  fs::path data_root = {}, against = {}, human = {};
  std::string judge = {}, judge_args = {}, prompt = "llava", orders = "both", device = "cpu";
  std::string batch_size = "auto", format = "terminal";
  int repeats = 1, threads = 0;
  double temperature = 0;
  std::uint64_t seed = 0;
  PaidOptions paid = {};
  bool quiet = false, json = false;
};

int whole(const char* option, const std::string& text, int least) {
  int value = 0;
  parse_option(option, text, value);
  if (value < least)
    throw Error(Kind::usage, std::string("--") + option + ": expected a whole number from " +
                                 std::to_string(least));
  return value;
}

std::string short_name(const run::JudgeSetup& setup) {
  std::string name = setup.model;
  if (const auto model = setup.model_args.find("model");
      model != setup.model_args.end() && !model->second.empty())
    name += " " + model->second;
  return printable(name, 60) + ", " + setup.prompt.name + " (" + setup.id().substr(0, 6) + ")";
}

class Judge {
 public:
  Judge(const JudgeCommand& options, const Context& context)
      : options_(options), context_(context), line_(context.terminal.err_is_tty, options.quiet) {}

  int execute() {
    if (options_.runs.size() != 1)
      throw Error(Kind::usage, "judge: expected one run folder, or `judge audit` and some");
    check_options();
    (void)store::RunFolder::existing(options_.runs[0]);
    const store::RunFolder folder = store::RunFolder::locked(options_.runs[0]);
    store::Manifest manifest = store::read_manifest(folder.manifest());
    const std::vector<Outcome> outcomes = stored_outcomes(folder, manifest.run);
    const std::vector<Outcome> rivals = rival_outcomes();
    const run::Judging judging(setup_, outcomes, rivals);
    if (judging.size() == 0)
      throw Error(Kind::data, printable(folder.path().string()) +
                                  ": no answer with a reference to judge it by; tasks of "
                                  "reasoning have them");
    const auto adapter = adapter_for(judging);
    // What the adapter is belongs to who judges, and so to the keys.
    const run::Judging with_facts(setup_, outcomes, rivals);
    sample_of_ = run::sample_lookup({&with_facts.task(), 1});
    manifest.judges[setup_.id()] = setup_.facts();
    if (!prefers()) manifest.options_used["judge"] = setup_.id();
    store::write_whole(folder.manifest(), json_of(manifest));

    const run::PredictResult asked = run::judge(
        with_facts, *adapter, folder, manifest.run,
        {.batch_size =
             options_.batch_size == "auto" ? 0 : whole("batch_size", options_.batch_size, 1),
         .stop = context_.stop,
         .progress = [&](const run::Progress& p) {
           line_.show("judging", p.done, p.samples, p.resumed,
                      failures_and_money(p, adapter->spending()));
         }});
    line_.finish();
    note_spending(*adapter, folder, manifest);
    if (context_.stop->asked()) {
      warn("stopped after " + std::to_string(asked.progress.done) + " of " +
           std::to_string(asked.progress.samples) + " judgements; the same command goes on");
      return 128 + context_.stop->signal;
    }
    if (!asked.stopped_because.empty()) {
      warn(asked.stopped_because);
      warn("stopped after " + std::to_string(asked.progress.done) + " of " +
           std::to_string(asked.progress.samples) + " judgements");
      return static_cast<int>(Kind::incomplete);
    }
    const std::vector<run::Judged> judged =
        with_facts.judged(run::recorded_answers(folder, manifest.run, run::kJudgements));
    const run::JudgeCounts counts = run::counted(judged);
    if (prefers())
      print(reports::render(preferences(judged), reports::Format::terminal,
                            render_options(context_.terminal)));
    else
      rescore(folder, manifest);
    warn(count_line(counts) + money(adapter->spending()));
    return counts.failed > 0 ? static_cast<int>(Kind::incomplete) : 0;
  }

 private:
  bool prefers() const { return setup_.prompt.form == run::VerdictForm::preference; }

  void check_options() {
    if (options_.judge.empty())
      throw Error(Kind::usage, "judge: --judge names who judges: `looktwice list models`");
    if (options_.orders != "both" && options_.orders != "given")
      throw Error(Kind::usage,
                  "--orders=" + printable(options_.orders, 40) + ": expected both or given");
    if (options_.repeats < 1 || options_.repeats > 1000)
      throw Error(Kind::usage, "--repeats: expected 1 to 1000");
    if (!(options_.temperature >= 0 && options_.temperature <= 2))
      throw Error(Kind::usage, "--temperature: expected 0 to 2");
    options_.paid.check();
    entry_ = adapter_named(options_.judge);
    arguments_ = arguments_of(options_.judge_args);
    setup_.model = entry_.name;
    setup_.model_args = entry_.as_used(arguments_);
    // More connections or another proxy do not make another judge.
    for (const std::string& name : entry_.incidental) setup_.model_args.erase(name);
    setup_.prompt = run::judge_prompt_named(options_.prompt);
    setup_.both_orders = options_.orders == "both";
    setup_.repeats = options_.repeats;
    setup_.decoding = {.max_new_tokens = setup_.prompt.max_new_tokens,
                       .temperature = options_.temperature,
                       .seed = options_.seed};
    if (prefers() == options_.against.empty())
      throw Error(Kind::usage, prefers() ? "--prompt pairwise: --against names the other run"
                                         : "--against: needs --prompt pairwise");
  }

  std::vector<Outcome> rival_outcomes() {
    if (options_.against.empty()) return {};
    const store::RunFolder other = store::RunFolder::existing(options_.against);
    setup_.against = store::read_manifest(other.manifest()).run;
    return stored_outcomes(other, setup_.against);
  }

  std::unique_ptr<Adapter> adapter_for(const run::Judging& judging) {
    Setting setting{.batch_size = options_.batch_size == "auto"
                                      ? 0
                                      : whole("batch_size", options_.batch_size, 1),
                    .threads = options_.threads > 0 ? options_.threads : available_threads(),
                    .seed = options_.seed,
                    .device = options_.device,
                    .cache = options_.paid.answer_cache(),
                    .max_cost = options_.paid.max_cost};
    if (entry_.recorded) {
      setting.sample_of = [this](const std::string& key) { return sample_of_(key); };
      for (const Sample& sample : judging.task().samples) setting.samples.push_back(sample.id);
    }
    auto adapter = entry_.make(arguments_, setting);
    setup_.model_facts = adapter->facts();
    return adapter;
  }

  // What the adapter counted in this start: tokens, money, answers from the cache. Beside the
  // judge's setup in run.json; no part of who it is.
  void note_spending(const Adapter& adapter, const store::RunFolder& folder,
                     store::Manifest& manifest) const {
    std::map<std::string, std::string>& judge = manifest.judges[setup_.id()];
    for (const auto& [name, value] : adapter.facts())
      if (!setup_.model_facts.contains(name)) judge["last_start." + name] = value;
    store::write_whole(folder.manifest(), json_of(manifest));
  }

  static std::string money(const Spending& spending) {
    if (!spending.priced) return "";
    char text[48];
    std::snprintf(text, sizeof text, "; $%.4f in this start", spending.dollars);
    return text;
  }

  // The points enter the summary as every other value does.
  void rescore(const store::RunFolder& folder, store::Manifest& manifest) {
    ScoringOptions scoring = stored_scoring(manifest);
    scoring.threads = options_.threads;
    run::ScoreOptions options = scoring.score_options();
    options.judge = setup_;
    options.encoder = stored_encoder(manifest);
    options.token_encoder = stored_token_encoder(manifest);
    options.stop = context_.stop;
    const auto codec = imaging::make_codec();
    const std::vector<run::Task> tasks =
        stored_tasks(manifest, options_.data_root, options.metric.threads, codec);
    const store::Summary summary =
        run::score(tasks, *codec, folder,
                   {manifest.run, manifest.model, manifest.label, manifest.flags}, options);
    print(options_.json ? store::json_of(summary) : run_report(folder, context_.terminal));
  }

  // How often the run's answers were preferred, by group of questions.
  static reports::Table preferences(const std::vector<run::Judged>& judged) {
    reports::Table table{.title = "Preferred to the other run's answers",
                         .columns = {{.title = "Questions"},
                                     {.title = "Share, %", .align = reports::Align::right},
                                     {.title = "Pictures", .align = reports::Align::right}},
                         .footnotes = {"A tie counts half. Range: 95 %, bootstrap over pictures."}};
    std::map<std::string, std::map<std::string, std::vector<double>>> groups;
    for (const run::Judged& one : judged)
      if (one.points)
        for (const std::string& group : {one.group, std::string("all")})
          groups[group][one.task + "\n" + one.sample].push_back(*one.points);
    for (const auto& [group, pictures] : groups) {
      metrics::ClusterMean mean(metrics::Pooling::clusters);
      for (const auto& [picture, values] : pictures) mean.add(picture, {}, values);
      const metrics::Value value = mean.value({});
      reports::Cell cell{.text = reports::fixed(100 * value.value.value_or(0), 1)};
      if (value.interval)
        cell.aside = reports::fixed(100 * value.interval->low, 1) + "–" +
                     reports::fixed(100 * value.interval->high, 1);
      table.rows.push_back({{.text = group}, cell, {.text = std::to_string(value.used)}});
    }
    return table;
  }

  std::string count_line(const run::JudgeCounts& counts) const {
    std::string text = "judge " + setup_.id() + ": " + std::to_string(counts.judged) + " of " +
                       std::to_string(counts.asked) + " judgements";
    if (counts.missing > 0)
      text += "; " + std::to_string(counts.missing) + " without a verdict on the scale";
    if (counts.failed > 0)
      text += "; " + std::to_string(counts.failed) + " failed, the same command asks them again";
    for (const auto& [model, count] : counts.models)
      text += "; by " + model + ": " + std::to_string(count);
    return text;
  }

  const JudgeCommand& options_;
  const Context& context_;
  ProgressLine line_;
  AdapterEntry entry_;
  Arguments arguments_;
  run::JudgeSetup setup_;
  std::function<std::string(const std::string& key)> sample_of_;
};

std::string number(const std::optional<double>& value, int digits = 2) {
  return reports::fixed(value, digits);
}

std::string range(const std::optional<metrics::Interval>& interval, double factor = 1) {
  if (!interval) return "-";
  return reports::fixed(factor * interval->low, 2) + "–" +
         reports::fixed(factor * interval->high, 2);
}

reports::Section judges_section(const run::JudgeAudit& audit) {
  using reports::Align;
  reports::Table points{.columns = {{.title = "Run", .may_shorten = true},
                                    {.title = "Judge", .may_shorten = true},
                                    {.title = "Points", .align = Align::right},
                                    {.title = "Pictures", .align = Align::right},
                                    {.title = "With judge noise", .align = Align::right},
                                    {.title = "n", .align = Align::right},
                                    {.title = "Missing", .align = Align::right},
                                    {.title = "Failed", .align = Align::right}}};
  for (const run::JudgeQuality& one : audit.judges)
    points.rows.push_back({{.text = one.run},
                           {.text = one.name},
                           {.text = number(one.points), .number = one.points},
                           {.text = range(one.of_pictures)},
                           {.text = range(one.with_judge_noise)},
                           {.text = std::to_string(one.counts.judged)},
                           {.text = std::to_string(one.counts.missing)},
                           {.text = std::to_string(one.counts.failed)}});
  points.footnotes = {
      "Points: mean over pictures of all answers and orders. Pictures: 95 %, Student, what other "
      "pictures would give. With judge noise: and another judge or repetition."};
  return {.title = "Points", .table = std::move(points)};
}

reports::Section biases_section(const run::JudgeAudit& audit) {
  using reports::Align;
  reports::Table table{.columns = {{.title = "Run", .may_shorten = true},
                                   {.title = "Judge", .may_shorten = true},
                                   {.title = "Order flips, %", .align = Align::right},
                                   {.title = "Pairs", .align = Align::right},
                                   {.title = "Second place", .align = Align::right},
                                   {.title = "Length", .align = Align::right},
                                   {.title = "Again: kappa", .align = Align::right},
                                   {.title = "|difference|", .align = Align::right}}};
  for (const run::JudgeQuality& one : audit.judges) {
    const std::optional<double> flips =
        one.flip_rate ? std::optional(100 * *one.flip_rate) : std::nullopt;
    reports::Cell length{.text = number(one.rank_correlation_with_length)};
    if (one.length_p_value) length.aside = "p " + reports::significant(*one.length_p_value);
    table.rows.push_back(
        {{.text = one.run},
         {.text = one.name},
         {.text = number(flips, 1), .aside = flips ? range(one.flip_interval, 100) : ""},
         {.text = std::to_string(one.pairs)},
         {.text = number(one.gain_of_second_place)},
         length,
         {.text = one.again ? number(one.again->kappa) : "-"},
         {.text = one.again ? number(one.again->mean_absolute_difference) : "-"}});
  }
  table.footnotes = {
      "Order flips: pairs whose better answer depends on which was shown first; a tie in one order "
      "only counts half. Second place: points more for an answer that is shown second. Length: "
      "rank "
      "correlation of points and bytes. Again: first against second repetition, quadratic kappa."};
  return {.title = "Biases", .table = std::move(table)};
}

reports::Section agreement_section(const run::JudgeAudit& audit) {
  using reports::Align;
  reports::Section section{.title = "Agreement"};
  reports::Table table{.columns = {{.title = "A", .may_shorten = true},
                                   {.title = "B", .may_shorten = true},
                                   {.title = "Answers", .align = Align::right},
                                   {.title = "Kappa", .align = Align::right},
                                   {.title = "Alpha", .align = Align::right},
                                   {.title = "Spearman", .align = Align::right},
                                   {.title = "A - B", .align = Align::right}}};
  for (const run::Agreement& one : audit.agreements)
    table.rows.push_back({{.text = one.a},
                          {.text = one.b},
                          {.text = std::to_string(one.answers)},
                          {.text = number(one.kappa)},
                          {.text = number(one.alpha)},
                          {.text = number(one.rank_correlation)},
                          {.text = number(one.mean_difference)}});
  table.footnotes = {
      "Kappa: quadratic weights, points rounded to grades. Alpha: Krippendorff's, "
      "interval scale."};
  if (audit.alpha_of_all)
    table.footnotes.push_back("Alpha of all judges: " + number(audit.alpha_of_all) + ".");
  section.table = std::move(table);
  if (const auto& split = audit.variance) {
    const double all = split->sample + split->model + split->judge + split->rest;
    const auto share = [&](double part) {
      return reports::fixed(all > 0 ? 100 * part / all : 0, 1) + " %";
    };
    section.paragraphs = {"Variance of points over " + std::to_string(audit.samples) +
                          " answers x " + std::to_string(audit.models) + " models x " +
                          std::to_string(audit.raters) + " judges: sample " + share(split->sample) +
                          ", model " + share(split->model) + ", judge " + share(split->judge) +
                          ", rest " + share(split->rest) + "."};
  }
  return section;
}

int audit(const JudgeCommand& options, const Context& context) {
  if (options.runs.size() < 2)
    throw Error(Kind::usage, "judge audit: expected run folders that were judged");
  const auto format = format_of(options.json ? "json" : options.format);
  std::vector<run::JudgedRun> runs;
  for (const fs::path& path : std::span(options.runs).subspan(1)) {
    const store::RunFolder folder = store::RunFolder::existing(path);
    const store::Manifest manifest = store::read_manifest(folder.manifest());
    const std::vector<Outcome> outcomes = stored_outcomes(folder, manifest.run);
    const std::string name = manifest.label + " " + manifest.run.substr(0, 6);
    const std::size_t before = runs.size();
    for (const auto& [id, facts] : manifest.judges) {
      const run::JudgeSetup setup = run::setup_of(facts);
      if (setup.prompt.form == run::VerdictForm::preference) continue;
      const run::Judging judging(setup, outcomes);
      runs.push_back({.run = name,
                      .judge = id,
                      .name = short_name(setup),
                      .judged = judging.judged(
                          run::recorded_answers(folder, manifest.run, run::kJudgements))});
    }
    if (runs.size() == before)
      throw Error(Kind::data, printable(path.string()) + ": was not judged by points");
    if (!options.human.empty()) {
      run::JudgedRun people = run::human_points(options.human, name, runs[before].judged);
      runs.push_back(std::move(people));
    }
  }
  const run::JudgeAudit result = run::audit(runs);
  reports::Page page{.title = "Judges",
                     .sections = {judges_section(result), biases_section(result)}};
  if (!result.agreements.empty() || result.variance)
    page.sections.push_back(agreement_section(result));
  print(reports::render(page, format, render_options(context.terminal)));
  return 0;
}

}  // namespace

void add_judge(Command& program, Context& context) {
  Command command = program.add(
      "judge", "let a judge give points to recorded answers; judge audit RUN...: its quality");
  auto options = std::make_shared<JudgeCommand>();
  command
      .words("run", options->runs,
             "run folder; `audit` and run folders: how far judges can be trusted")
      .option("judge", options->judge, "adapter that judges: see `looktwice list models`")
      .option("judge_args", options->judge_args, "its options: name=value,name=value")
      .option("prompt", options->prompt,
              "llava: points for reference and answer, as papers do; absolute: points with a "
              "rubric; pairwise: which of two runs' answers is better")
      .option("against", options->against, "the other run, of pairwise")
      .option("orders", options->orders, "both, or given: only the order of the prompt")
      .option("repeats", options->repeats, "how often everything is judged")
      .option("temperature", options->temperature, "of the judge; 0: greedy")
      .option("seed", options->seed,
              "of the judge, where it has one; each further try and repetition has another")
      .option("batch_size", options->batch_size, "most requests at once, or auto")
      .option("device", options->device, "cpu or cuda:N, for adapters that have a choice")
      .option("threads", options->threads, "0: one per processor")
      .option("data_root", options->data_root, "where the data lies now; default: as in the run")
      .option("human", options->human,
              "audit: people's points, a table of sample, question (0, 1, ...) and points")
      .option("format", options->format, "audit: " + reports::format_names())
      .flag("json", options->json, "print the summary, or the audit, as JSON")
      .flag("quiet", options->quiet, "no progress");
  options->paid.add_to(command);
  command.action([options, &context] {
    if (!options->runs.empty() && options->runs[0] == "audit") return audit(*options, context);
    return Judge(*options, context).execute();
  });
}

}  // namespace looktwice::cli
