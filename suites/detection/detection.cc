// det.<dataset>: a mask and a decision per image, 0- or 1-shot (protocols.md 6 and 8.2). Text
// models draw the mask as patches between <seg> tags and are judged as generated, without any
// threshold; models that give maps are judged at one threshold for all categories.
#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/suite.h"
#include "harness/core/text.h"
#include "suites/datasets/catalogue.h"
#include "suites/kinds.h"
#include "suites/mmad/letters.h"
#include "suites/mmad/mmad_prompts.h"
#include "suites/references.h"
#include "suites/text_mask.h"

namespace looktwice::suites {
namespace {

constexpr const char* kPrefix = "det.";
constexpr const char* kGroup = "detection";
// The data sets of the papers' tables and what those call them.
struct Set {
  const char* name = "";
  const char* column = "";
};
constexpr std::array kSets = {Set{"mvtec", "MVTec-AD"}, Set{"visa", "VisA"},
                              Set{"loco", "MVTec-LOCO"}, Set{"goodsad", "GoodsAD"}};
constexpr int kSide = 512;  // of pixel metrics; silent in the paper

struct Reading {
  int first_index = 0;         // "base1": the model counts rows and columns from 1
  bool by_answer = false;      // "answer": the letter decides about the image, not the region
  bool original_size = false;  // "original": pixel metrics at the size of the mask
};

struct Modifier {
  const char* name = "";
  void (*apply)(Reading&) = nullptr;
};
constexpr std::array kModifiers = {
    Modifier{"base1", [](Reading& reading) { reading.first_index = 1; }},
    Modifier{"answer", [](Reading& reading) { reading.by_answer = true; }},
    Modifier{"original", [](Reading& reading) { reading.original_size = true; }},
};

Reading reading_of(const std::string& variant) {
  Reading reading;
  std::istringstream in(variant);
  for (std::string word; std::getline(in, word, '+');) {
    const auto found = std::ranges::find(kModifiers, word, &Modifier::name);
    if (found == kModifiers.end())
      throw Error(Kind::usage,
                  "no variant '" + printable(word, 40) + "'; there are base1, answer and original");
    found->apply(reading);
  }
  return reading;
}

const std::vector<Option>& yes_no() {
  static const std::vector<Option> kOptions = {{"A", "Yes."}, {"B", "No."}};
  return kOptions;
}

class Detection final : public Suite {
 public:
  Detection(DatasetEntry entry, const char* column, Reading reading, std::string variant)
      : entry_(std::move(entry)),
        column_(column),
        reading_(reading),
        variant_(std::move(variant)) {}

  Loaded load(const Loading& loading) const override {
    Dataset set = entry_.load({.root = loading.data_root, .codec = loading.codec});
    show_references(set, entry_.title, loading.num_fewshot);
    for (Sample& sample : set.test)
      sample.truth.answers = {sample.truth.anomalous.value_or(false) ? "A" : "B"};
    return {.root = set.root, .samples = std::move(set.test), .warnings = std::move(set.warnings)};
  }

  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    const std::vector<ShownQuestion> asked = {
        {.text = "Is there any defect in the object?", .options = yes_no()}};
    Question question{.system = mmad_system_text(MmadPrompt::omniad),
                      .parts = mmad_prompt(MmadPrompt::omniad,
                                           {.templates = static_cast<int>(sample.references.size()),
                                            .questions = asked}),
                      .options = yes_no(),
                      .wanted = {.score = true, .map = true, .text = true},
                      .decoding = {.max_new_tokens = 1024}};
    for (const QuestionPart& part : question.parts)
      if (part.kind == QuestionPart::Kind::text) question.text += part.text;
    return question;
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    LOOKTWICE_CHECK(answers.size() == 1);
    const Prediction& answer = answers.front();
    Outcome outcome{.status = answer.status, .error = answer.error};
    outcome.anomalous = sample.truth.anomalous;
    const bool answered = answer.status == Status::answered;
    const bool wrote = answered && !answer.text.empty();
    if (wrote)
      outcome.answers.push_back({.group = kGroup, .question = "region", .text = answer.text});
    Mark mark{.scorer = "corrected"};
    if (!answered)
      mark.unscored_because = name_of(answer.status);
    else
      read(answer, sample, mark);
    outcome.marks.push_back(std::move(mark));
    // What needs no model: the closed forms of the tables.
    for (const bool anomalous : {true, false}) {
      Mark same{.scorer = anomalous ? "all_anomalous" : "all_normal", .decision = anomalous};
      if (!answered) same = {.scorer = same.scorer, .unscored_because = name_of(answer.status)};
      same.answers.resize(outcome.answers.size());
      outcome.marks.push_back(std::move(same));
    }
    return outcome;
  }

  std::optional<AnomalyMap> mask_in(const Outcome& outcome, int width, int height) const override {
    return drawn_mask(outcome.text, width, height, reading_.first_index);
  }

  Plan plan() const override {
    Plan plan{
        .scorers = {"corrected", "all_anomalous", "all_normal"},
        .image_metrics = {"accuracy", "precision", "recall", "f1", "auroc"},
        .pixel_metrics = {"generated_pixel_f1", "generated_pixel_accuracy", "generated_image_f1",
                          "generated_image_accuracy", "reward_mask", "joint_pixel_f1",
                          "joint_pixel_accuracy", "joint_image_f1", "joint_image_accuracy",
                          "joint_threshold", "joint_image_threshold"},
        .measures = {{kGroup, "invalid"},
                     {kGroup, "malformed"},
                     {kGroup, "reward_format"},
                     {kGroup, "reward_answer"},
                     {kGroup, "reward"}},
        .map_side = reading_.original_size ? 0 : kSide,
        .headline = "generated_pixel_f1",
        .columns = {"generated_pixel_accuracy", "generated_image_f1", "generated_image_accuracy"},
        .dataset = entry_.title,
        .published = "omniad_table3",
        .variant = variant_};
    plan.published_columns = {{"generated_pixel_f1", std::string(column_) + ".f1"},
                              {"generated_pixel_accuracy", std::string(column_) + ".acc"}};
    if (reading_.first_index == 0) plan.measures.push_back({kGroup, "index_24"});
    if (entry_.has_kinds) add_kind_metrics(plan);
    return plan;
  }

 private:
  void read(const Prediction& answer, const Sample& sample, Mark& mark) const {
    mark.score = answer.score;
    if (answer.text.empty()) {
      if (!answer.score && !answer.map) mark.unscored_because = "neither text, score nor map";
      return;
    }
    const bool anomalous = sample.truth.anomalous.value_or(false);
    const SegReply reply = seg_reply(answer.text, reading_.first_index);
    const std::string letter = corrected_letter(answer.text, yes_no());
    const bool valid = reading_.by_answer ? !letter.empty() : reply.has_mask;
    // What cannot be read counts as wrong, and is counted.
    mark.decision = !valid ? !anomalous : reading_.by_answer ? letter == "A" : reply.any();
    mark.values["malformed_runs"] = static_cast<double>(reply.malformed);
    const double right = letter == sample.truth.answers[0] ? 1 : 0.1;
    mark.answers = {{.values = {{"invalid", valid ? 0 : 1},
                                {"reward_format", reply.formatted ? 1 : 0},
                                {"reward_answer", right}}}};
    if (!reply.has_mask) return;
    std::map<std::string, double>& values = mark.answers[0].values;
    values["malformed"] = reply.malformed > 0 ? 1 : 0;
    if (reading_.first_index == 0) values["index_24"] = reply.proves_base_one ? 1 : 0;
  }

  DatasetEntry entry_;
  const char* column_;
  Reading reading_;
  std::string variant_;
};

std::unique_ptr<Suite> make(const std::string& task, const std::string& variant) {
  std::vector<std::string> names;
  for (const Set& set : kSets) {
    names.push_back(std::string(kPrefix) + set.name);
    if (task != names.back()) continue;
    for (DatasetEntry& entry : datasets::dataset_catalogue())
      if (entry.name == set.name)
        return std::make_unique<Detection>(std::move(entry), set.column, reading_of(variant),
                                           variant);
  }
  const std::string near = nearest(task, names);
  throw Error(Kind::usage, "no task '" + printable(task) + "'" +
                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace

SuiteEntry detection_suite() {
  SuiteEntry suite{.name = "det", .summary = "masks and decisions, 0- and 1-shot", .make = make};
  for (const DatasetEntry& entry : datasets::dataset_catalogue())
    for (const Set& set : kSets)
      if (entry.name == set.name) {
        TaskInfo task{.name = kPrefix + entry.name, .summary = entry.title + ": a mask per image"};
        for (const Modifier& modifier : kModifiers) task.modifiers.emplace_back(modifier.name);
        suite.tasks.push_back(std::move(task));
      }
  return suite;
}

}  // namespace looktwice::suites
