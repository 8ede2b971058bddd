#include "harness/cli/marks_options.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>

#include "adapters/predictions/map_files.h"
#include "adapters/predictions/name_index.h"
#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/options.h"
#include "harness/core/text.h"
#include "harness/run/map_file.h"
#include "harness/store/frame.h"
#include "harness/store/manifest.h"
#include "suites/text_mask.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTruth = "truth";

// "VisA/pcb1/test/bad/000.png#q2" -> the picture's part of the id.
std::string picture_name(const std::string& sample) {
  const std::size_t mark = sample.rfind("#q");
  const bool is_question = mark != std::string::npos && mark + 2 < sample.size() &&
                           sample.find_first_not_of("0123456789", mark + 2) == std::string::npos;
  return is_question ? sample.substr(0, mark) : sample;
}

// MMAD keeps MVTec AD's test part under another folder name.
std::string other_name(const std::string& name) {
  constexpr std::string_view kOwn = "DS-MVTec/", kFolder = "/image/";
  const std::size_t folder = name.find(kFolder);
  if (!name.starts_with(kOwn) || folder == std::string::npos) return {};
  return name.substr(kOwn.size(), folder - kOwn.size()) + "/test/" +
         name.substr(folder + kFolder.size());
}

class Maps {
 public:
  virtual ~Maps() = default;
  // size: of the sample's picture, for masks that are written as text.
  virtual std::optional<AnomalyMap> find(const std::string& name, const run::Task& task,
                                         const Sample& sample) = 0;
};

class FolderMaps final : public Maps {
 public:
  explicit FolderMaps(const fs::path& source) : files_(source) {}
  std::optional<AnomalyMap> find(const std::string& name, const run::Task&,
                                 const Sample&) override {
    return files_.find(name);
  }

 private:
  adapters::MapFiles files_;
};

class RunMaps final : public Maps {
 public:
  RunMaps(const fs::path& folder, std::shared_ptr<const ImageCodec> codec)
      : folder_(store::RunFolder::existing(folder)), codec_(std::move(codec)) {
    const store::Manifest manifest = store::read_manifest(folder_.manifest());
    for (const store::TaskManifest& task : manifest.tasks)
      if (("+" + task.variant + "+").find("+base1+") != std::string::npos) first_index_ = 1;
    std::map<std::string, std::size_t> places;
    store::for_each_record(folder_.predictions(), "predictions", manifest.run,
                           [&](std::string_view object, std::uint64_t, std::uint64_t) {
                             StoredPrediction stored = prediction_of(object);
                             const bool has_mask =
                                 suites::seg_reply(stored.prediction.text).has_mask;
                             if (stored.map.file.empty() && !has_mask) return;
                             const std::string name = picture_name(stored.sample);
                             const auto [place, is_new] = places.try_emplace(name, found_.size());
                             if (is_new) {
                               index_.add(name, found_.size());
                               found_.emplace_back();
                             }
                             // The last record of a picture with several questions.
                             found_[place->second] = {stored.map, stored.prediction.text};
                           });
    if (found_.empty())
      throw Error(Kind::data, printable(folder.string()) +
                                  ": this run has neither maps nor masks between <seg> tags");
  }

  std::optional<AnomalyMap> find(const std::string& name, const run::Task&,
                                 const Sample& sample) override {
    const auto number = index_.find(name);
    if (!number) return {};
    const Found& found = found_[*number];
    if (!found.map.file.empty()) {
      auto map = run::read_map(folder_, found.map);
      if (!map)
        throw Error(Kind::data,
                    printable((folder_.path() / found.map.file).string()) + ": missing or damaged");
      return map;
    }
    int width = 0, height = 0;
    if (sample.image.region) {
      width = sample.image.region->width, height = sample.image.region->height;
    } else {
      const ImageInfo info = codec_->info(file_bytes(sample.image.path));
      width = info.width, height = info.height;
    }
    return suites::drawn_mask(found.text, width, height, first_index_);
  }

 private:
  struct Found {
    StoredMap map = {};
    std::string text = {};
  };
  store::RunFolder folder_;
  std::shared_ptr<const ImageCodec> codec_;
  int first_index_ = 0;
  std::vector<Found> found_ = {};
  adapters::NameIndex index_{"recorded map"};
};

// Finding keeps what it found and so needs the lock; maps of one task are asked for by several
// threads.
class Source {
 public:
  explicit Source(std::unique_ptr<Maps> maps) : maps_(std::move(maps)) {}

  std::optional<AnomalyMap> find(const run::Task& task, const Sample& sample) {
    const std::lock_guard hold(mutex_);
    const std::string name = picture_name(sample.id);
    if (auto map = maps_->find(name, task, sample)) return map;
    const std::string other = other_name(name);
    if (other.empty()) return {};
    return maps_->find(other, task, sample);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Maps> maps_;
};

std::unique_ptr<Maps> maps_at(const fs::path& from, std::shared_ptr<const ImageCodec> codec) {
  std::error_code failed;
  if (fs::exists(from / "predictions.jsonl", failed))
    return std::make_unique<RunMaps>(from, std::move(codec));
  return std::make_unique<FolderMaps>(from);
}

// One look at all maps.
struct Survey {
  Sha256 sum;
  std::int64_t pictures = 0, without = 0;
  std::string first_without = {};
  float low = std::numeric_limits<float>::infinity(),
        high = -std::numeric_limits<float>::infinity();

  void add(const std::string& name, const AnomalyMap& map) {
    sum.add(name + "\n" + std::to_string(map.width) + "x" + std::to_string(map.height) + "\n");
    sum.add(std::as_bytes(std::span(map.values)));
    for (const float value : map.values) {
      if (!std::isfinite(value))
        throw Error(Kind::data, "'" + printable(name) +
                                    "': the map holds numbers that are not "
                                    "finite");
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
};

}  // namespace

void MarksOptions::add_to(Command& command) {
  std::string kinds;
  for (const std::string& one : run::mark_kinds()) kinds += (kinds.empty() ? "" : ", ") + one;
  command.option("marks", kind, "drawn on every picture before the model sees it: none, " + kinds)
      .option("marks_from", from,
              "what is marked: a folder of maps, an .npz, another run's folder, or truth (the "
              "model is then told what it is asked, and every table says so)")
      .option("marks_threshold", threshold, "from which value a pixel of such a map is marked")
      .option("marks_place", place,
              "on the picture, beside it (the picture, and the marked one to its right), or auto: "
              "a mask beside, others on");
}

void MarksOptions::refuse_wrong() const {
  if (!any()) {
    if (!from.empty()) throw Error(Kind::usage, "--marks_from needs --marks");
    return;
  }
  if (!run::mark_kind(kind)) {
    const std::string near = nearest(kind, run::mark_kinds());
    throw Error(Kind::usage, "--marks=" + printable(kind, 40) +
                                 ": expected none, bbox, contour, "
                                 "heatmap, highlight or mask" +
                                 (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  if (from.empty())
    throw Error(Kind::usage, "--marks needs --marks_from: maps, another run, or truth");
  if (!std::isfinite(threshold))
    throw Error(Kind::usage, "--marks_threshold: expected a finite number");
  if (place != "auto" && place != "on" && place != "beside")
    throw Error(Kind::usage,
                "--marks_place=" + printable(place, 40) + ": expected on, beside or auto");
}

std::optional<MarksInUse> marks_in_use(const MarksOptions& options,
                                       std::span<const run::Task> tasks,
                                       const std::shared_ptr<const ImageCodec>& codec) {
  options.refuse_wrong();
  if (!options.any()) return {};
  MarksInUse used;
  run::Marks& marks = used.marks;
  marks.style.kind = *run::mark_kind(options.kind);
  marks.style.threshold = options.threshold;
  marks.style.beside = options.place == "beside" ||
                       (options.place == "auto" && marks.style.kind == run::MarkKind::mask);
  marks.from_truth = options.from == kTruth;
  used.as_used = {{"marks", options.kind},
                  {"marks_from", marks.from_truth ? kTruth : "maps"},
                  {"marks_place", marks.style.beside ? "beside" : "on"}};
  if (!marks.from_truth) {
    const auto source = std::make_shared<Source>(maps_at(options.from, codec));
    marks.maps = [source](const run::Task& task, const Sample& sample) {
      return source->find(task, sample);
    };
  }
  Survey survey;
  for (const run::Task& task : tasks) {
    std::set<std::string> seen;
    for (const Sample& sample : task.samples) {
      if (sample.image.path.empty() || !sample.flaw.empty() ||
          !seen.insert(picture_name(sample.id)).second)
        continue;
      ++survey.pictures;
      std::string why;
      if (marks.from_truth) {
        why = run::flaw_of(marks, task, sample);
      } else if (const auto map = marks.maps(task, sample)) {
        survey.add(picture_name(sample.id), *map);
      } else {
        why = "no map";
      }
      if (why.empty()) continue;
      if (survey.without++ == 0) survey.first_without = sample.id;
    }
  }
  if (survey.without == survey.pictures && survey.pictures > 0)
    throw Error(Kind::data, "--marks_from=" + printable(options.from, 200) +
                                ": has nothing for any of the " + std::to_string(survey.pictures) +
                                " pictures, for example '" + printable(survey.first_without, 200) +
                                "'; maps are named as the pictures");
  if (survey.without > 0)
    used.warnings.push_back("marks: nothing to draw for " + std::to_string(survey.without) +
                            " of " + std::to_string(survey.pictures) +
                            " pictures, whose samples will fail; first '" +
                            printable(survey.first_without, 200) + "'");
  if (!marks.from_truth) {
    marks.source = survey.sum.hex();
    used.as_used["marks_source"] = marks.source;
    if (marks.style.kind == run::MarkKind::heat) {
      marks.style.low = static_cast<double>(survey.low);
      marks.style.high = static_cast<double>(survey.high);
      used.as_used["marks_low"] = option_text(marks.style.low);
      used.as_used["marks_high"] = option_text(marks.style.high);
    } else {
      used.as_used["marks_threshold"] = option_text(marks.style.threshold);
    }
  }
  used.flags.push_back(
      (marks.from_truth ? std::string(store::kTruthShown) : "pictures are marked") + ": " +
      marks.text());
  return used;
}

}  // namespace looktwice::cli
