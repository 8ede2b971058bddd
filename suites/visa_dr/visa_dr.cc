// VisA-D&R (Anomaly-OneVision, Xu et al. 2025): visa_dr.detection asks for yes or no,
// visa_dr.reasoning four questions in one conversation about anomalous pictures (protocols: 2).
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/answers.h"
#include "suites/datasets/layout.h"
#include "suites/visa_dr/dialogue.h"

namespace looktwice::suites {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDetection = "visa_dr.detection";
constexpr const char* kReasoning = "visa_dr.reasoning";
constexpr const char* kDetectionList = "VisA/test_data.json";
constexpr const char* kReasoningList = "VisA/visa_dr.json";
constexpr const char* kTitle = "VisA-D&R";
constexpr const char* kTable = "anomaly_ov_table4";
constexpr const char* kQuestion =
    "Are there any defects for the object in the image? Please reply with 'Yes' or 'No'.";

// The 1-class test split without pcb2 and pcb4: 761 normal and 1000 anomalous pictures.
std::map<std::string, ExpectedCount> expected(bool with_normal) {
  std::map<std::string, ExpectedCount> counts = {
      {"candle", {100, 100}},    {"capsules", {60, 100}}, {"cashew", {50, 100}},
      {"chewinggum", {50, 100}}, {"fryum", {50, 100}},    {"macaroni1", {100, 100}},
      {"macaroni2", {100, 100}}, {"pcb1", {100, 100}},    {"pcb3", {101, 100}},
      {"pipe_fryum", {50, 100}}};
  if (!with_normal)
    for (auto& [name, count] : counts) count.normal = 0;
  return counts;
}

// The folder that holds VisA/ with the list; VisA itself will do, too.
fs::path root_with(const fs::path& data_root, const std::string& list) {
  const fs::path absolute = fs::absolute(data_root).lexically_normal();
  std::error_code fault;
  if (fs::is_regular_file(absolute / fs::path(list).filename(), fault))
    return (absolute.has_filename() ? absolute : absolute.parent_path()).parent_path();
  return datasets::found_root(
      data_root, {.title = kTitle,
                  .usual_names = {"visa_dr", "visa_d_r", "visa_d&r", "benchmark", "data"},
                  .layout = std::string(list) + " beside the classes of VisA",
                  .fits = [&](const fs::path& folder) {
                    std::error_code ignored;
                    return fs::is_regular_file(folder / list, ignored);
                  }});
}

// One of the two lists, its pictures and what to say about them.
class List {
 public:
  List(const fs::path& data_root, const std::string& name)
      : name_(name), gathering_(root_with(data_root, name)) {
    if (!gathering_.has_file(name))
      throw Error(Kind::data, printable(gathering_.root().string()) + ": no " + name +
                                  "; it comes with the download of VisA-D&R");
  }

  std::string text() const { return text_of_file(gathering_.path(name_)); }

  Sample& add(const DrRecord& record, bool anomalous) {
    const std::string relative = gathering_.listed_file(
        record.image, [&](const std::string& why) { refuse_record(name_, record, "image", why); });
    if (const auto [first, is_new] = first_.emplace(relative, record.index); !is_new)
      refuse_record(name_, record, "image",
                    "'" + printable(record.image, 80) + "' is that of record " +
                        std::to_string(first->second) + ", too");
    classes_.insert(record.category);
    return gathering_.add(relative, record.category, anomalous, anomalous ? "anomaly" : "good");
  }

  void note(const std::string& kind, const std::string& example) { gathering_.note(kind, example); }

  Loaded finished(bool with_normal) {
    if (first_.empty()) throw Error(Kind::data, name_ + ": has no record to ask about");
    constexpr std::size_t kClasses = 10;
    if (classes_.size() != kClasses)
      gathering_.note("the published values are means over ten classes, this list has " +
                      std::to_string(classes_.size()));
    Dataset set = gathering_.finished(expected(with_normal));
    return {.root = set.root, .samples = std::move(set.test), .warnings = std::move(set.warnings)};
  }

 private:
  std::string name_;
  datasets::Gathering gathering_;
  std::set<std::string> classes_;
  std::map<std::string, std::size_t> first_;  // picture -> record that lists it
};

class Detection final : public Suite {
 public:
  Loaded load(const Loading& loading) const override {
    refuse_fewshot(loading, kDetection);
    List list(loading.data_root, kDetectionList);
    for (const DrRecord& record : detection_records(list.text(), kDetectionList)) {
      list.add(record, *record.anomaly);
      if (record.is_doubtful)
        list.note(
            "'anomaly' is a text like \"false\" or \"0\", which counts as anomalous, as in the "
            "published script",
            record.image);
    }
    return list.finished(true);
  }

  std::optional<Question> ask(const Sample&, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    return Question{.system = kDrSystem,
                    .text = kQuestion,
                    .wanted = {.score = true, .map = true, .text = true},
                    .pictures = kDrPictures};
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    LOOKTWICE_CHECK(answers.size() == 1);
    const Prediction& answer = answers.front();
    Outcome outcome{.status = answer.status, .error = answer.error};
    outcome.anomalous = sample.truth.anomalous;
    const bool answered = answer.status == Status::answered;
    if (answered && !answer.text.empty())
      outcome.answers.push_back({.group = "detection", .question = kQuestion, .text = answer.text});
    for (const char* scorer : {"official", "corrected"}) {
      Mark mark{.scorer = scorer};
      if (!answered)
        mark.unscored_because = name_of(answer.status);
      else if (answer.text.empty() && !answer.score)
        mark.unscored_because = "neither score nor text";
      else
        read(answer, *sample.truth.anomalous, mark);
      outcome.marks.push_back(std::move(mark));
    }
    return outcome;
  }

  Plan plan() const override {
    return {.scorers = {"official", "corrected"},
            .image_metrics = {"accuracy", "precision", "recall", "f1", "accuracy_at_half",
                              "precision_at_half", "recall_at_half", "f1_at_half", "accuracy_at",
                              "precision_at", "recall_at", "f1_at", "auroc"},
            .measures = {{"detection", "invalid"}},
            .zero_rates = true,
            .headline = "accuracy",
            .columns = {"precision", "recall", "f1"},
            .dataset = kTitle,
            .published = kTable,
            .published_columns = {{"accuracy", "detection.accuracy"},
                                  {"precision", "detection.precision"},
                                  {"recall", "detection.recall"},
                                  {"f1", "detection.f1"}}};
  }

 private:
  // A text gives the decision. The score, where there is one, is the anomaly expert's: at the
  // threshold of 0.5 that is the rule in the caption of table 4 (accuracy_at_half, f1_at_half),
  // whatever threshold the user gives for accuracy_at.
  static void read(const Prediction& answer, bool anomalous, Mark& mark) {
    mark.score = answer.score;
    if (answer.text.empty()) return;
    if (mark.scorer == "official") {
      mark.decision = official_yes(answer.text);
    } else {
      // What is neither yes nor no counts as wrong, and is counted.
      mark.decision = corrected_yes(answer.text);
      if (!mark.decision) mark.values["invalid"] = 1;
      if (!mark.decision) mark.decision = !anomalous;
    }
    mark.answers = {{.values = {{"invalid", mark.values.contains("invalid") ? 1 : 0}}}};
  }
};

class Reasoning final : public Suite {
 public:
  Loaded load(const Loading& loading) const override {
    refuse_fewshot(loading, kReasoning);
    List list(loading.data_root, kReasoningList);
    for (DrRecord& record : reasoning_records(list.text(), kReasoningList)) {
      // As the script does, by path.
      if (record.image.find("pcb2") != std::string::npos ||
          record.image.find("pcb4") != std::string::npos) {
        list.note("pictures of pcb2 and pcb4 are left out, as the published script does",
                  record.image);
        continue;
      }
      if (!record.anomaly.value_or(true)) {
        list.note("normal pictures are left out: reasoning is about anomalous ones", record.image);
        continue;
      }
      Sample& sample = list.add(record, true);
      set_questions(sample, std::move(record));
    }
    return list.finished(false);
  }

  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    return next_question(sample, turns);
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    return read_dialogue(sample, answers, plan().scorers);
  }

  Plan plan() const override {
    Plan plan = dialogue_plan();
    plan.dataset = kTitle;
    plan.published = kTable;
    for (const GroupMeasure& one : plan.measures) plan.published_columns[one.name()] = one.name();
    return plan;
  }
};

std::unique_ptr<Suite> make(const std::string& task, const std::string& variant) {
  if (!variant.empty())
    throw Error(Kind::usage, task + " has no variant '" + printable(variant) + "'");
  if (task == kDetection) return std::make_unique<Detection>();
  if (task == kReasoning) return std::make_unique<Reasoning>();
  const std::string near = nearest(task, {kDetection, kReasoning});
  throw Error(Kind::usage, "no task '" + printable(task) + "'" +
                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace

SuiteEntry visa_dr_suite() {
  return {.name = "visa_dr",
          .summary = "text-based anomaly detection and reasoning (Anomaly-OneVision)",
          .tasks = {{kDetection, "VisA-D&R: anomalous, yes or no, 761 and 1000 pictures", {}},
                    {kReasoning, "VisA-D&R: describe, explain, prevent; 1000 conversations", {}}},
          .make = make};
}

}  // namespace looktwice::suites
