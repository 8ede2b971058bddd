// zsad.<dataset>: one anomaly score per test image, no normal reference unless asked for (protocols
// 5). A reply without a score is read as yes or no, a score of 1 or 0; the AUROC is then a balanced
// accuracy.
#include <algorithm>
#include <array>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/suite.h"
#include "harness/core/text.h"
#include "suites/answers.h"
#include "suites/datasets/catalogue.h"
#include "suites/kinds.h"
#include "suites/references.h"

namespace looktwice::suites {
namespace {

constexpr const char* kPrefix = "zsad.";
// The prompt of VisA-D&R detection, verbatim; models that only write are asked this.
constexpr const char* kQuestion =
    "Are there any defects for the object in the image? Please reply with 'Yes' or 'No'.";

// The nine sets of the paper's table 2.
bool is_published(const std::string& dataset) {
  static constexpr std::array kNine = {"mvtec", "visa",     "aitex",  "elpv", "btad",
                                       "mpdd",  "brainmri", "headct", "br35h"};
  return std::find(kNine.begin(), kNine.end(), dataset) != kNine.end();
}

Mark mark_by(const std::string& scorer, const Prediction& answer) {
  Mark mark{.scorer = scorer, .score = answer.score};
  if (!answer.text.empty())
    mark.decision = scorer == "official" ? official_yes(answer.text) : corrected_yes(answer.text);
  if (mark.score) return mark;
  if (mark.decision) {
    mark.score = *mark.decision ? 1 : 0;
    mark.values["score_is_decision"] = 1;
  } else {
    mark.unscored_because = answer.text.empty() ? "neither score nor text" : "neither yes nor no";
  }
  return mark;
}

class ZeroShot final : public Suite {
 public:
  ZeroShot(DatasetEntry entry, std::string variant)
      : entry_(std::move(entry)), variant_(std::move(variant)) {}

  Loaded load(const Loading& loading) const override {
    Dataset set =
        entry_.load({.root = loading.data_root, .variant = variant_, .codec = loading.codec});
    show_references(set, entry_.title, loading.num_fewshot);
    return {.root = set.root, .samples = std::move(set.test), .warnings = std::move(set.warnings)};
  }

  std::optional<Question> ask(const Sample&, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    return Question{
        .system = "You are a helpful assistant.",
        .text = kQuestion,
        .wanted = {.score = true, .map = entry_.has_masks, .text = true, .text_for_score = true}};
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    LOOKTWICE_CHECK(answers.size() == 1);
    const Prediction& answer = answers.front();
    Outcome outcome{.status = answer.status, .error = answer.error};
    outcome.anomalous = sample.truth.anomalous;
    for (const std::string& scorer : plan().scorers) {
      if (answer.status == Status::answered)
        outcome.marks.push_back(mark_by(scorer, answer));
      else
        outcome.marks.push_back({.scorer = scorer, .unscored_because = name_of(answer.status)});
    }
    return outcome;
  }

  Plan plan() const override {
    Plan plan{
        .scorers = {"corrected", "official"},
        .image_metrics = {"auroc", "average_precision", "f1_max", "accuracy", "precision", "recall",
                          "f1", "accuracy_at", "precision_at", "recall_at", "f1_at"},
        .headline = "auroc",
        .dataset = entry_.title,
        .published = is_published(entry_.name) ? "anomaly_ov_table2" : "",
        .variant = variant_};
    if (entry_.has_masks)
      plan.pixel_metrics = {"pixel_auroc",        "pixel_average_precision",
                            "pixel_f1_max",       "aupro",
                            "generated_pixel_f1", "generated_pixel_accuracy",
                            "generated_image_f1", "generated_image_accuracy"};
    if (entry_.has_kinds) add_kind_metrics(plan);
    return plan;
  }

 private:
  DatasetEntry entry_;
  std::string variant_;
};

std::unique_ptr<Suite> make(const std::string& task, const std::string& variant) {
  std::vector<std::string> names;
  for (DatasetEntry& entry : datasets::dataset_catalogue()) {
    names.push_back(kPrefix + entry.name);
    if (task != names.back()) continue;
    std::string used = variant;
    if (used.empty() && !entry.variants.empty()) used = entry.variants.front();
    if (!used.empty() &&
        std::find(entry.variants.begin(), entry.variants.end(), used) == entry.variants.end()) {
      const std::string near = nearest(used, entry.variants);
      throw Error(Kind::usage,
                  task + " has no variant '" + printable(used) + "'" +
                      (near.empty() ? "" : "; did you mean '" + task + ":" + near + "'?"));
    }
    return std::make_unique<ZeroShot>(std::move(entry), used);
  }
  const std::string near = nearest(task, names);
  throw Error(Kind::usage, "no task '" + printable(task) + "'" +
                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace

SuiteEntry zero_shot_suite() {
  SuiteEntry suite{
      .name = "zsad", .summary = "zero-shot anomaly detection: one score per image", .make = make};
  for (const DatasetEntry& entry : datasets::dataset_catalogue())
    suite.tasks.push_back(
        {kPrefix + entry.name, entry.title + ": " + entry.summary, entry.variants});
  return suite;
}

}  // namespace looktwice::suites
