#include "reports/heat_maps.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "reports/table.h"

namespace looktwice::reports {
namespace {

namespace fs = std::filesystem;

constexpr int kGap = 8;  // white pixels between the panels
constexpr std::size_t kMostProblems = 5;
constexpr std::size_t kLongestWord = 40;

// A folder or file name made of what is harmless in any of them. Never empty, never hidden.
std::string harmless(const std::string& text) {
  std::string word;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || (c == '.' && !word.empty() && word.back() != '.');
    word += good ? c : '_';
    if (word.size() == kLongestWord) break;
  }
  while (!word.empty() && word.back() == '.') word.pop_back();
  return word.empty() ? "_" : word;
}

const store::TaskManifest* manifest_of(const RunView& run, const Outcome& outcome) {
  for (const store::TaskManifest& task : run.manifest.tasks) {
    const std::string full = task.variant.empty() ? task.task : task.task + ":" + task.variant;
    if (outcome.task == task.task || outcome.task == full) return &task;
  }
  return nullptr;
}

Image in_colour(const Image& image) {
  if (image.channels == 3) return image;
  Image made{.width = image.width, .height = image.height, .channels = 3};
  made.pixels.reserve(3 * image.pixels.size());
  for (const std::uint8_t grey : image.pixels) made.pixels.insert(made.pixels.end(), 3, grey);
  return made;
}

// Numbered per task over all its outcomes, so that a filter changes no name.
class Chosen {
 public:
  explicit Chosen(const HeatMapOptions& options) : options_(options) {}

  // The number of the sample when its map is wanted.
  std::optional<std::int64_t> number(const Outcome& outcome) {
    const std::int64_t number = ++seen_[outcome.task];
    if (!options_.task.empty() && ::fnmatch(options_.task.c_str(), outcome.task.c_str(), 0) != 0)
      return {};
    if (options_.anomalous && outcome.anomalous != options_.anomalous) return {};
    return number;
  }
  // Counts one of the task's maps; false: there are enough.
  bool takes(const Outcome& outcome) {
    std::int64_t& taken = taken_[outcome.task];
    if (options_.limit > 0 && taken >= options_.limit) return false;
    ++taken;
    return true;
  }

 private:
  const HeatMapOptions& options_;
  std::map<std::string, std::int64_t> seen_, taken_;
};

std::optional<double> score_of(const Outcome& outcome) {
  for (const Mark& mark : outcome.marks)
    if (mark.score) return mark.score;
  return {};
}

}  // namespace

Image heat_panel(const Image& picture, const AnomalyMap& map, float low, float high) {
  const Image left = in_colour(picture), right = overlaid(picture, map, low, high);
  Image made{.width = 2 * picture.width + kGap, .height = picture.height, .channels = 3};
  const auto row = static_cast<std::size_t>(3 * picture.width);
  made.pixels.reserve(static_cast<std::size_t>(3 * made.width) *
                      static_cast<std::size_t>(made.height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y) {
    const auto from = static_cast<std::ptrdiff_t>(y * row),
               to = from + static_cast<std::ptrdiff_t>(row);
    made.pixels.insert(made.pixels.end(), left.pixels.begin() + from, left.pixels.begin() + to);
    made.pixels.insert(made.pixels.end(), 3 * kGap, 255);
    made.pixels.insert(made.pixels.end(), right.pixels.begin() + from, right.pixels.begin() + to);
  }
  return made;
}

std::string heat_map_name(const Outcome& outcome, std::int64_t number) {
  const std::size_t slash = outcome.sample.rfind('/');
  std::string stem = outcome.sample.substr(slash == std::string::npos ? 0 : slash + 1);
  if (const std::size_t dot = stem.rfind('.'); dot != std::string::npos && dot > 0)
    stem.resize(dot);
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
  return harmless(outcome.task) + "/" + harmless(outcome.category) + "/" + digits + "-" +
         harmless(stem) + "-" + sha256(outcome.sample).substr(0, 8) + ".png";
}

HeatMapCount heat_maps(
    const RunView& run, const HeatMapOptions& options, const ImageCodec& codec,
    const std::function<void(const std::string&, const std::vector<std::byte>&)>& write) {
  const auto picture_of = [&](const Outcome& outcome) {
    const store::TaskManifest* task = manifest_of(run, outcome);
    const fs::path root = !options.data_root.empty() ? options.data_root
                          : task                     ? task->root
                                                     : fs::path();
    return sample_picture(outcome, root, run.folder, codec, options.side);
  };
  // First the range of each task, from the maps alone.
  std::map<std::string, std::pair<float, float>> ranges;
  if (options.range == HeatRange::task) {
    Chosen chosen(options);
    for_each_outcome(run, [&](const Outcome& outcome) {
      if (!chosen.number(outcome) || outcome.map.empty()) return;
      const auto range = map_range(outcome, run.folder);
      if (!range) return;
      const auto [at, fresh] = ranges.emplace(outcome.task, *range);
      if (fresh) return;
      at->second.first = std::min(at->second.first, range->first);
      at->second.second = std::max(at->second.second, range->second);
    });
  }
  HeatMapCount count;
  Chosen chosen(options);
  Table list{.columns = {{.title = "file"},
                         {.title = "task"},
                         {.title = "sample"},
                         {.title = "category"},
                         {.title = "anomalous"},
                         {.title = "score"},
                         {.title = "low"},
                         {.title = "high"}}};
  const bool there = for_each_outcome(run, [&](const Outcome& outcome) {
    const auto number = chosen.number(outcome);
    if (!number) return;
    if (outcome.map.empty()) {
      ++count.without_map;
      return;
    }
    if (!chosen.takes(outcome)) return;
    const SamplePicture shown = picture_of(outcome);
    if (!shown.picture || !shown.map) {
      ++count.unreadable;
      if (count.problems.size() < kMostProblems)
        count.problems.push_back(printable(outcome.sample, 120) + ": " +
                                 printable(shown.problem.empty() ? "no map" : shown.problem, 200));
      return;
    }
    std::pair<float, float> range{shown.low, shown.high};
    if (options.range == HeatRange::given) range = {options.low, options.high};
    if (options.range == HeatRange::task)
      if (const auto found = ranges.find(outcome.task); found != ranges.end())
        range = found->second;
    const std::string name = heat_map_name(outcome, *number);
    write(name,
          codec.encode_png(heat_panel(*shown.picture, *shown.map, range.first, range.second)));
    ++count.written;
    const std::optional<double> score = score_of(outcome);
    list.rows.push_back({{.text = name},
                         {.text = outcome.task},
                         {.text = outcome.sample},
                         {.text = outcome.category},
                         {.text = outcome.anomalous ? (*outcome.anomalous ? "1" : "0") : ""},
                         {.text = score ? fixed(*score, 6) : "", .number = score},
                         {.text = fixed(range.first, 6), .number = range.first},
                         {.text = fixed(range.second, 6), .number = range.second}});
  });
  if (!there)
    throw Error(Kind::data,
                printable(run.folder.string()) + ": no outcomes.jsonl; `looktwice score` makes it");
  const std::string csv = render(list, Format::csv);
  const auto* bytes = reinterpret_cast<const std::byte*>(csv.data());
  write("maps.csv", {bytes, bytes + csv.size()});
  return count;
}

}  // namespace looktwice::reports
