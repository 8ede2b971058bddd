// looktwice audit contamination: what of a run's data a model has seen in training, and the scores
// with and without it. looktwice audit manifest: the list of training data that it compares with.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <unordered_map>

#include "adapters/imaging/codec.h"
#include "adapters/imaging/phash.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/in_parallel.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/stored_run.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/json_value.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "harness/run/contamination.h"
#include "harness/run/score.h"
#include "harness/store/disk.h"
#include "reports/escape.h"
#include "reports/headline.h"
#include "reports/metric_names.h"
#include "suites/datasets/layout.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;
using reports::Align;
using run::Overlap;
using run::PictureHashes;

// A picture that cannot be decoded has no perceptual hash; one that cannot be read has none at all.
PictureHashes hashes_of(const fs::path& file, const ImageCodec& codec, bool perceptual) {
  PictureHashes hashes;
  std::vector<std::byte> bytes;
  try {
    bytes = file_bytes(file);
    hashes.sha256 = sha256(bytes);
    if (perceptual) hashes.phash = imaging::phash(codec.decode(bytes));
  } catch (const Error& error) {
    if (error.kind() != Kind::data) throw;
  }
  return hashes;
}

struct ContaminationCommand {
  fs::path run = {}, train = {}, data_root = {}, output = {};
  int hamming = 4, ngram = 8, threads = 0;
  double share = 0.8;
  std::string format = "terminal";
  bool json = false, quiet = false;

  run::ContaminationRule rule() const {
    if (hamming < -1 || hamming > 32) throw Error(Kind::usage, "--hamming: expected -1 to 32");
    if (ngram < 0 || ngram > 100) throw Error(Kind::usage, "--ngram: expected 0 to 100");
    if (!(share > 0 && share <= 1)) throw Error(Kind::usage, "--share: expected above 0, up to 1");
    return {.hamming = hamming, .words = ngram, .share = share};
  }
};

// The pictures of a task's samples, each hashed once.
std::vector<PictureHashes> pictures_of(
    const run::Task& task, const ImageCodec& codec, bool perceptual, int threads,
    const std::function<void(std::int64_t, std::int64_t)>& tell) {
  std::vector<fs::path> files;
  std::unordered_map<std::string, std::size_t> places;
  for (const Sample& sample : task.samples)
    if (!sample.image.path.empty() &&
        places.try_emplace(sample.image.path.string(), files.size()).second)
      files.push_back(sample.image.path);
  std::vector<PictureHashes> hashes(files.size());
  std::atomic<std::int64_t> done = 0;
  in_parallel(files.size(), threads, [&](std::size_t i) {
    hashes[i] = hashes_of(files[i], codec, perceptual);
    tell(++done, static_cast<std::int64_t>(files.size()));
  });
  std::vector<PictureHashes> all;
  for (const Sample& sample : task.samples)
    all.push_back(sample.image.path.empty() ? PictureHashes{}
                                            : hashes[places.at(sample.image.path.string())]);
  return all;
}

class Audit {
 public:
  Audit(const ContaminationCommand& options, const Context& context)
      : options_(options),
        context_(context),
        rule_(options.rule()),
        format_(options.json ? reports::Format::json : format_of(options.format)),
        line_(context.terminal.err_is_tty, options.quiet),
        folder_(store::RunFolder::existing(options.run)),
        manifest_(store::read_manifest(folder_.manifest())),
        codec_(imaging::make_codec()) {}

  int execute() {
    const int threads = options_.threads > 0 ? options_.threads : available_threads();
    tasks_ = stored_tasks(manifest_, options_.data_root, threads, codec_);
    std::vector<run::Contamination> found;
    for (const run::Task& task : tasks_) {
      std::mutex one_at_a_time;
      const auto pictures = pictures_of(task, *codec_, rule_.hamming >= 0, threads,
                                        [&](std::int64_t done, std::int64_t of) {
                                          const std::lock_guard hold(one_at_a_time);
                                          line_.show("hashing pictures", done, of, 0, "");
                                        });
      found.emplace_back(task.samples, pictures, rule_);
    }
    size_ = run::for_each_training_item(options_.train, [&](const run::TrainingItem& item) {
      for (run::Contamination& one : found) one.see(item);
    });
    if (size_.items == 0)
      throw Error(Kind::data, printable(options_.train.string()) + ": names nothing");
    line_.finish();
    for (const run::Contamination& one : found) overlaps_.push_back(one.overlaps());
    if (!options_.output.empty()) write_overlaps();
    score_parts(threads);
    print(reports::render(page(), format_, render_options(context_.terminal)));
    return 0;
  }

 private:
  run::Part part(bool overlapping) const {
    run::Part part;
    for (const std::vector<Overlap>& overlaps : overlaps_) {
      part.emplace_back();
      for (const Overlap& overlap : overlaps) part.back().push_back(overlap.any() == overlapping);
    }
    return part;
  }

  void score_parts(int threads) {
    ScoringOptions scoring = stored_scoring(manifest_);
    scoring.threads = threads;
    run::ScoreOptions options = scoring.score_options();
    options.judge = stored_judge(manifest_, "");
    options.encoder = stored_encoder(manifest_);
    const run::RunName name{manifest_.run, manifest_.model, manifest_.label, manifest_.flags};
    run::Part all = part(true);
    for (std::vector<bool>& samples : all) std::fill(samples.begin(), samples.end(), true);
    for (const auto& [which, kept] :
         {std::pair(&all_, all), std::pair(&clean_, part(false)), std::pair(&seen_, part(true))})
      *which = run::score_part(tasks_, *codec_, folder_, name, options, kept);
  }

  void write_overlaps() const {
    store::WholeFile file(options_.output);
    for (std::size_t t = 0; t < tasks_.size(); ++t)
      for (std::size_t i = 0; i < overlaps_[t].size(); ++i) {
        const Overlap& overlap = overlaps_[t][i];
        if (!overlap.any()) continue;
        run::TrainingItem line{.name = tasks_[t].samples[i].id};
        std::string why;
        const auto say = [&](bool holds, const std::string& what) {
          if (holds) why += (why.empty() ? "" : ", ") + what;
        };
        say(overlap.same_file, "the same file as " + overlap.with);
        say(overlap.looks_same && !overlap.same_file,
            "looks like " + overlap.with + " (" + std::to_string(overlap.bits) + " of 64 bits)");
        say(overlap.same_words,
            reports::fixed(100 * overlap.share, 0) + " % of its n-grams stand in the texts");
        line.text = why;
        file.write(run::line_of(line) + "\n");
      }
    file.commit();
  }

  reports::Table counts() const {
    reports::Table table{.columns = {{.title = "task"}}};
    for (const char* title :
         {"samples", "same file", "looks the same", "same words", "overlapping", "clean"})
      table.columns.push_back({.title = title, .align = Align::right});
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const std::vector<Overlap>& all = overlaps_[t];
      const auto count = [&](auto holds) {
        const std::int64_t n = std::ranges::count_if(all, holds);
        return reports::Cell{.text = std::to_string(n), .number = static_cast<double>(n)};
      };
      table.rows.push_back({{.text = tasks_[t].full_name()},
                            count([](const Overlap&) { return true; }),
                            count([](const Overlap& o) { return o.same_file; }),
                            count([](const Overlap& o) { return o.looks_same; }),
                            count([](const Overlap& o) { return o.same_words; }),
                            count([](const Overlap& o) { return o.any(); }),
                            count([](const Overlap& o) { return !o.any(); })});
    }
    return table;
  }

  static reports::Cell value_cell(const store::Summary& summary, const std::string& task,
                                  const std::string& metric, const std::string& scorer) {
    const store::Row* row = reports::overall_row(summary, task, metric, scorer);
    if (!row || !row->value)
      return {.text = "-", .tone = reports::Tone::muted, .note = row ? row->reason : "no sample"};
    const int digits = reports::printed_digits(reports::metric_unit(metric));
    const auto shown = [&](double value) {
      return reports::fixed(reports::printed_value(metric, value), digits);
    };
    reports::Cell cell{.text = shown(*row->value),
                       .number = reports::printed_value(metric, *row->value)};
    if (row->interval) cell.aside = shown(row->interval->low) + "–" + shown(row->interval->high);
    return cell;
  }

  reports::Table scores() const {
    reports::Table table{.columns = {{.title = "task"},
                                     {.title = "metric"},
                                     {.title = "scorer"},
                                     {.title = "all", .align = Align::right},
                                     {.title = "clean", .align = Align::right},
                                     {.title = "overlapping", .align = Align::right}}};
    for (const store::TaskSummary& task : all_.tasks) {
      std::vector<std::string> metrics = {task.headline}, scorers;
      for (const std::string& more : task.columns)
        if (std::ranges::find(metrics, more) == metrics.end()) metrics.push_back(more);
      for (const store::Row& row : all_.rows)
        if (row.task == task.task && std::ranges::find(scorers, row.scorer) == scorers.end())
          scorers.push_back(row.scorer);
      for (const std::string& metric : metrics)
        for (const std::string& scorer : scorers) {
          if (!reports::overall_row(all_, task.task, metric, scorer)) continue;
          table.rows.push_back({{.text = task.task},
                                {.text = reports::metric_title(metric)},
                                {.text = scorer},
                                value_cell(all_, task.task, metric, scorer),
                                value_cell(clean_, task.task, metric, scorer),
                                value_cell(seen_, task.task, metric, scorer)});
        }
    }
    table.footnotes = {
        "Ranges: 95 % confidence intervals, as in the run's own report. A difference "
        "of the parts may also come from what is in them."};
    return table;
  }

  reports::Page page() const {
    reports::Page page{.title = "Contamination of " +
                                (manifest_.label.empty() ? manifest_.model : manifest_.label)};
    page.sections.push_back(
        {.title = "overlap",
         .paragraphs = {options_.train.string() + ": " + std::to_string(size_.items) + " things, " +
                            std::to_string(size_.hashes) + " files, " +
                            std::to_string(size_.perceptual) + " perceptual hashes, " +
                            std::to_string(size_.texts) + " texts.",
                        "Same file: equal SHA-256. Looks the same: 64-bit DCT hashes within " +
                            std::to_string(rule_.hamming) + " bits" +
                            (rule_.hamming < 0 ? " (not compared)" : "") +
                            ". Same words: at least " + reports::fixed(100 * rule_.share, 0) +
                            " % of the " + std::to_string(rule_.words) +
                            "-word runs of question and right answer" +
                            (rule_.words == 0 ? " (not compared)" : "") + "."},
         .table = counts()});
    page.sections.push_back({.title = "scores", .table = scores()});
    return page;
  }

  const ContaminationCommand& options_;
  const Context& context_;
  const run::ContaminationRule rule_;
  const reports::Format format_;
  ProgressLine line_;
  const store::RunFolder folder_;
  const store::Manifest manifest_;
  const std::shared_ptr<const ImageCodec> codec_;
  std::vector<run::Task> tasks_ = {};
  run::TrainingListSize size_ = {};
  std::vector<std::vector<Overlap>> overlaps_ = {};
  store::Summary all_ = {}, clean_ = {}, seen_ = {};
};

struct ManifestCommand {
  fs::path folder = {}, output = {};
  std::string about = {};
  int threads = 0;
  bool no_phash = false, quiet = false;
};

// All texts of a record that are more than a word, joined.
void add_texts(const JsonValue& value, std::string& text) {
  if (value.type == JsonValue::Type::text && value.text.find(' ') != std::string::npos)
    text += (text.empty() ? "" : "\n") + value.text;
  for (const JsonValue& item : value.items) add_texts(item, text);
  for (const auto& [name, member] : value.members) add_texts(member, text);
}

class Lister {
 public:
  explicit Lister(const ManifestCommand& options, const Context& context)
      : options_(options),
        line_(context.terminal.err_is_tty, options.quiet),
        codec_(imaging::make_codec()) {}

  int execute() {
    list_files();
    store::WholeFile file(options_.output);
    file.write(run::training_head(options_.about) + "\n");
    add_pictures(file);
    for (const std::string& name : texts_) add_text_file(file, name);
    if (pictures_.empty() && text_items_ == 0)
      throw Error(Kind::data, printable(options_.folder.string()) + ": neither pictures nor texts");
    file.commit();
    line_.finish();
    print(reports::terminal_text(options_.output.string()) + ": " +
          std::to_string(pictures_.size()) + " pictures, " + std::to_string(text_items_) +
          " texts; " + std::to_string(others_) + " other files left out\n");
    if (undecoded_ > 0)
      warn(std::to_string(undecoded_) +
           " pictures have no perceptual hash (not readable, or of "
           "one colour)");
    return 0;
  }

 private:
  void list_files() {
    try {
      for (auto at = fs::recursive_directory_iterator(options_.folder);
           at != fs::recursive_directory_iterator(); ++at) {
        const std::string name = at->path().filename().string();
        if (datasets::is_clutter_name(name) || name.starts_with('.')) {
          if (at->is_directory()) at.disable_recursion_pending();
          continue;
        }
        if (!at->is_regular_file()) continue;
        const std::string relative =
            at->path().lexically_relative(options_.folder).generic_string();
        const std::string suffix = lower_ascii(at->path().extension().string());
        if (datasets::is_image_name(name))
          pictures_.push_back(relative);
        else if (suffix == ".json" || suffix == ".jsonl" || suffix == ".ndjson" || suffix == ".txt")
          texts_.push_back(relative);
        else
          ++others_;
      }
    } catch (const fs::filesystem_error& error) {
      throw Error(Kind::data, printable(error.path1().string()) + ": " + error.code().message());
    }
    std::ranges::sort(pictures_);
    std::ranges::sort(texts_);
  }

  // In blocks, so that lines come in the order of names and nothing is held for long.
  void add_pictures(store::WholeFile& file) {
    constexpr std::size_t kBlock = 256;
    const int threads = options_.threads > 0 ? options_.threads : available_threads();
    for (std::size_t from = 0; from < pictures_.size(); from += kBlock) {
      std::vector<PictureHashes> hashes(std::min(kBlock, pictures_.size() - from));
      in_parallel(hashes.size(), threads, [&](std::size_t i) {
        hashes[i] = hashes_of(options_.folder / pictures_[from + i], *codec_, !options_.no_phash);
      });
      for (std::size_t i = 0; i < hashes.size(); ++i) {
        if (hashes[i].sha256.empty())
          throw Error(Kind::data, printable((options_.folder / pictures_[from + i]).string()) +
                                      ": cannot be read");
        undecoded_ += !hashes[i].phash && !options_.no_phash;
        file.write(run::line_of({.name = pictures_[from + i],
                                 .sha256 = hashes[i].sha256,
                                 .phash = hashes[i].phash}) +
                   "\n");
      }
      line_.show("hashing pictures", static_cast<std::int64_t>(from + hashes.size()),
                 static_cast<std::int64_t>(pictures_.size()), 0, "");
    }
  }

  void add_item(store::WholeFile& file, const std::string& name, std::int64_t number,
                const std::string& text) {
    if (text.empty()) return;
    ++text_items_;
    file.write(run::line_of({.name = name + ":" + std::to_string(number), .text = text}) + "\n");
  }

  void add_text_file(store::WholeFile& file, const std::string& name) {
    const fs::path path = options_.folder / name;
    const std::string suffix = lower_ascii(path.extension().string());
    if (suffix == ".json") {
      run::for_each_record(path, [&](const JsonValue& record) {
        std::string text;
        add_texts(record, text);
        add_item(file, name, record.place.line, text);
      });
      return;
    }
    run::for_each_line(path, [&](std::string_view line, std::int64_t number) {
      std::string text;
      if (suffix == ".txt")
        text = line;
      else if (line.find_first_not_of(" \t") != std::string_view::npos)
        add_texts(parsed_json(line, path.string(), 64, number), text);
      add_item(file, name, number, text);
    });
  }

  const ManifestCommand& options_;
  ProgressLine line_;
  const std::shared_ptr<const ImageCodec> codec_;
  std::vector<std::string> pictures_ = {}, texts_ = {};
  std::int64_t others_ = 0, text_items_ = 0, undecoded_ = 0;
};

}  // namespace

void add_contamination(Command& audit, Context& context) {
  Command command = audit.add(
      "contamination",
      "what of a run's data stands in a list of training data; scores of the clean and of the "
      "overlapping part");
  auto options = std::make_shared<ContaminationCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("train", options->train, "list of training data: see `audit manifest`",
              Command::Need::required)
      .option("data_root", options->data_root, "where the data lies now; default: as in the run")
      .option("hamming", options->hamming,
              "bits of 64 in which perceptual hashes may differ; -1: not compared")
      .option("ngram", options->ngram, "words of an n-gram; 0: texts are not compared")
      .option("share", options->share,
              "of a sample's n-grams in the training texts, from which it overlaps")
      .option("output", options->output, "also write the overlapping samples here, JSON Lines")
      .option("format", options->format, reports::format_names())
      .option("threads", options->threads, "0: one per processor; never changes a result")
      .flag("json", options->json, "the same as --format json")
      .flag("quiet", options->quiet, "no progress");
  command.action([=, &context] { return Audit(*options, context).execute(); });

  Command list = audit.add("manifest",
                           "makes a list of training data: SHA-256 and perceptual hash of every "
                           "picture below a folder, texts of its .json, .jsonl and .txt files");
  auto listed = std::make_shared<ManifestCommand>();
  list.word("folder", listed->folder, "what a model was trained on", Command::Need::required)
      .option("output", listed->output, "the list, JSON Lines", Command::Need::required)
      .option("about", listed->about, "a note for its first line")
      .option("threads", listed->threads, "0: one per processor; never changes a result")
      .flag("no_phash", listed->no_phash, "SHA-256 only: pictures are not decoded")
      .flag("quiet", listed->quiet, "no progress");
  list.action([=, &context] { return Lister(*listed, context).execute(); });
}

}  // namespace looktwice::cli
