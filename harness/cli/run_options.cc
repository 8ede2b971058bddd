#include "harness/cli/run_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "adapters/tokenizers/unicode_words.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

// False: neither a number nor a known word.
bool read_pixel_threshold(std::string word, run::ScoreOptions& options) {
  using metrics::MapThreshold;
  if (word == "auto") return true;
  metrics::MetricOptions& metric = options.metric;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), metric.pixel_threshold);
  if (error == std::errc{} && end == word.data() + word.size()) {
    metric.map_threshold = MapThreshold::given;
    return std::isfinite(metric.pixel_threshold);
  }
  metric.pixel_threshold = metrics::MetricOptions{}.pixel_threshold;
  for (const std::string& name : metrics_named("joint_*")) options.more_metrics.push_back(name);
  constexpr std::string_view kPooled = "_pooled";
  metric.pooled_threshold = word.ends_with(kPooled);
  if (metric.pooled_threshold) word.resize(word.size() - kPooled.size());
  for (const auto& [name, how] : {std::pair("joint", MapThreshold::joint),
                                  std::pair("joint_exact", MapThreshold::joint_exact),
                                  std::pair("anomalib", MapThreshold::anomalib)})
    if (word == name) {
      metric.map_threshold = how;
      return true;
    }
  return false;
}

// "", "1048576", "500MB", "2GB", "1GiB".
std::int64_t bytes_in(const std::string& text) {
  if (text.empty()) return 0;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::map<std::string, double> units = {{"", 1},        {"KB", 1e3},     {"MB", 1e6},
                                               {"GB", 1e9},    {"KiB", 0x1p10}, {"MiB", 0x1p20},
                                               {"GiB", 0x1p30}};
  const auto unit = units.find(std::string(end, text.data() + text.size()));
  if (error != std::errc{} || unit == units.end() || !(number * unit->second >= 1) ||
      number * unit->second > 0x1p50)
    throw Error(Kind::usage, "--memory=" + printable(text, 40) +
                                 ": expected bytes, or a number with KB, MB or GB");
  return static_cast<std::int64_t>(number * unit->second);
}

}  // namespace

void ScoringOptions::add_to(Command& command) {
  command
      .option("metrics", metrics,
              "values beside those of the task, names or globs: aupro_*,pixel_*_at; `looktwice "
              "list metrics`")
      .option("threshold", threshold,
              "score from which a sample counts as anomalous, for accuracy_at and so on; those at "
              "0.5 stay beside them as accuracy_at_half")
      .option(
          "pixel_threshold", pixel_threshold,
          "the same of a pixel, for pixel_accuracy_at: NUMBER; or one for all maps of a task, "
          "found on them, for joint_pixel_f1 and so on: joint, joint_exact, anomalib, each also "
          "with _pooled; auto: 0.5, and joint where it is asked for")
      .option("fpr_limit", fpr_limit, "false positive rate up to which AUPRO integrates")
      .option("map_side", map_side,
              "pixel metrics at SIDE x SIDE; 0: at the size of the mask; -1: as the "
              "task has it, mostly 0")
      .option("map_sigma", map_sigma, "Gaussian blur of up-sampled maps, in pixels; 0: none")
      .option("resamples", resamples, "bootstrap resamples; 0: none")
      .option("seed", seed, "of sampling, few-shot choice and bootstrap")
      .option("threads", threads, "0: one per processor; never changes a result")
      .option("memory", memory,
              "bound for pixel metrics: bytes, 500MB, 2GB; more passes, never another result");
}

run::ScoreOptions ScoringOptions::score_options() const {
  const auto refuse = [](const char* name, const char* expected) {
    throw Error(Kind::usage, std::string("--") + name + ": expected " + expected);
  };
  if (!std::isfinite(threshold)) refuse("threshold", "a finite number");
  run::ScoreOptions options;
  options.more_metrics = metrics_named(metrics);
  options.unicode_words = tokenizers::UnicodeWords();
  if (!read_pixel_threshold(pixel_threshold, options))
    refuse("pixel_threshold",
           "a finite number, auto, joint, joint_exact or anomalib, or one of the last three with "
           "_pooled");
  if (!(fpr_limit > 0 && fpr_limit <= 1)) refuse("fpr_limit", "a number above 0, at most 1");
  if (map_side < -1 || map_side > 1 << 14) refuse("map_side", "0 to 16384, or -1");
  if (!(map_sigma >= 0 && map_sigma < 1000)) refuse("map_sigma", "0 to 1000");
  if (resamples < 0 || resamples > 1000000) refuse("resamples", "0 to 1000000");
  if (threads < 0 || threads > 1024) refuse("threads", "0 to 1024");
  options.metric.threshold = threshold;
  options.metric.fpr_limit = fpr_limit;
  options.metric.seed = seed;
  options.metric.resamples = resamples;
  options.metric.threads = threads > 0 ? threads : available_threads();
  options.metric.memory = bytes_in(memory);
  options.map_side = map_side;
  options.map_sigma = map_sigma;
  return options;
}

std::map<std::string, std::string> ScoringOptions::as_used() const {
  return {{"metrics", metrics},
          {"threshold", option_text(threshold)},
          {"pixel_threshold", pixel_threshold},
          {"fpr_limit", option_text(fpr_limit)},
          {"map_side", option_text(map_side)},
          {"map_sigma", option_text(map_sigma)},
          {"resamples", option_text(resamples)},
          {"bootstrap_seed", std::to_string(seed)}};
}

void RunOptions::add_to(Command& command) {
  command.option("model", model, "adapter: see `looktwice list models`", Command::Need::required)
      .option("model_args", model_args, "options of the adapter: name=value,name=value")
      .option("tasks", tasks, "names, prefixes or globs: zsad.elpv,zsad.aitex:all",
              Command::Need::required)
      .option("data_root", data_root,
              "folder of the data set, or the folder that holds it; default: here")
      .option("output_path", output_path, "run folder; default: runs/MODEL-ID")
      .option("batch_size", batch_size, "most requests at once, or auto")
      .option("device", device, "cpu or cuda:N, for adapters that have a choice")
      .option("limit", limit,
              "this many samples per task, drawn with --seed; the result is PARTIAL; 0: all")
      .option("num_fewshot", num_fewshot, "normal reference pictures per sample")
      .option("label", label, "name of the row in tables; default: the model")
      .option("trained_on", trained_on,
              "data sets that this checkpoint saw in training: mvtec,visa; leaderboards flag what "
              "it is then tested on")
      .option("map_dtype", map_dtype, "float32 or float16")
      .option("maps", maps,
              "auto: where the task measures them; all: with every picture, for `looktwice maps`")
      .option("fail_on_error", fail_on_error,
              "tolerate this many failed samples (5) or this share (1%, 0.01); more stop the run")
      .flag("json", json, "print the summary as JSON")
      .flag("quiet", quiet, "no progress");
  paid.add_to(command);
  marks.add_to(command);
  scoring.add_to(command);
}

int RunOptions::batch() const {
  if (batch_size == "auto") return 0;
  int size = 0;
  const auto [end, error] =
      std::from_chars(batch_size.data(), batch_size.data() + batch_size.size(), size);
  if (error != std::errc{} || end != batch_size.data() + batch_size.size() || size < 1)
    throw Error(Kind::usage, "--batch_size=" + printable(batch_size, 40) +
                                 ": expected auto or a whole number from 1");
  return size;
}

std::int64_t RunOptions::tolerated(std::int64_t samples) const {
  if (fail_on_error.empty()) return -1;
  std::string digits = fail_on_error;
  bool share = digits.ends_with('%');
  if (share) digits.pop_back();
  double number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  // 0.01 is 1%: no count lies between 0 and 1.
  if (!share && number > 0 && number < 1) {
    number *= 100;
    share = true;
  }
  const bool good = error == std::errc{} && end == digits.data() + digits.size() && number >= 0 &&
                    (share ? number <= 100 : number == std::floor(number));
  if (!good)
    throw Error(Kind::usage, "--fail_on_error=" + printable(fail_on_error, 40) +
                                 ": expected a count (5) or a share (1%)");
  return static_cast<std::int64_t>(share ? std::floor(number / 100 * static_cast<double>(samples))
                                         : number);
}

std::map<std::string, std::string> deciding_options(const RunOptions& options) {
  std::map<std::string, std::string> deciding = {{"limit", option_text(options.limit)},
                                                 {"num_fewshot", option_text(options.num_fewshot)},
                                                 {"seed", std::to_string(options.scoring.seed)},
                                                 {"map_dtype", options.map_dtype},
                                                 {"device", options.device}};
  // Only where it is asked for: runs from before there was such an option are still the same.
  if (options.maps != "auto") deciding["maps"] = options.maps;
  return deciding;
}

namespace {

// Everything that decides the answers, one "name=value" per line.
std::map<std::string, std::string> identity(const store::Manifest& m) {
  std::map<std::string, std::string> all{{"model", m.model}};
  for (const auto& [name, value] : m.model_args_used) all["model_args." + name] = value;
  for (const auto& [name, value] : m.model_facts)
    if (name.starts_with("weights") || name == "endpoint" || name == "request_fields")
      all["model." + name] = value;
  for (const char* name :
       {"limit", "num_fewshot", "seed", "map_dtype", "device", "maps", "marks", "marks_from",
        "marks_place", "marks_source", "marks_threshold", "marks_low", "marks_high"})
    if (const auto found = m.options_used.find(name); found != m.options_used.end())
      all[std::string("--") + name] = found->second;
  for (std::size_t i = 0; i < m.tasks.size(); ++i) {
    const std::string place = "task " + std::to_string(i + 1);
    all[place] = m.tasks[i].task + (m.tasks[i].variant.empty() ? "" : ":" + m.tasks[i].variant);
    all[place + " data"] = m.tasks[i].fingerprint;
    all[place + " references"] = m.tasks[i].references;
  }
  return all;
}

}  // namespace

std::string run_id(const store::Manifest& manifest) {
  Sha256 sum;
  for (const auto& [name, value] : identity(manifest)) {
    sum.add(std::to_string(name.size()) + ":" + name + "=");
    sum.add(std::to_string(value.size()) + ":" + value + "\n");
  }
  return sum.hex().substr(0, 16);
}

std::vector<std::string> differences(const store::Manifest& there, const store::Manifest& here) {
  const auto a = identity(there), b = identity(here);
  std::vector<std::string> lines;
  const auto shown = [](const std::map<std::string, std::string>& all, const std::string& name) {
    const auto found = all.find(name);
    return found == all.end() ? std::string("nothing") : "'" + printable(found->second, 60) + "'";
  };
  std::map<std::string, std::string> names = a;
  names.insert(b.begin(), b.end());
  for (const auto& [name, value] : names)
    if (shown(a, name) != shown(b, name))
      lines.push_back(name + ": " + shown(a, name) + " there, " + shown(b, name) + " now");
  return lines;
}

}  // namespace looktwice::cli
