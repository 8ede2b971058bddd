// elpv_dr.reasoning: the questions of VisA-D&R about 16 solar cells of ELPV, references written for
// this project. Small enough to be run anywhere, too small to rank models.
#include "suites/visa_dr/elpv_dr.h"

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/text.h"
#include "suites/datasets/catalogue.h"
#include "suites/datasets/layout.h"
#include "suites/visa_dr/dialogue.h"

namespace looktwice::suites {
namespace {

constexpr const char* kTask = "elpv_dr.reasoning";

class ElpvReasoning final : public Suite {
 public:
  Loaded load(const Loading& loading) const override {
    refuse_fewshot(loading, kTask);
    datasets::Gathering gathering(root_of(loading));
    for (const EmbeddedFile& file : elpv_dr_files())
      for (DrRecord& record : reasoning_records(file.bytes, std::string(file.name))) {
        const std::string relative =
            gathering.listed_file(record.image, [&](const std::string& why) {
              refuse_record(std::string(file.name), record, "image", why);
            });
        Sample& sample = gathering.add(relative, record.category, true, "anomaly");
        set_questions(sample, std::move(record));
      }
    Dataset set = gathering.finished();
    return {.root = set.root, .samples = std::move(set.test), .warnings = std::move(set.warnings)};
  }

  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    return next_question(sample, turns);
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    return read_dialogue(sample, answers, plan().scorers);
  }

  Plan plan() const override {
    Plan plan = dialogue_plan();
    plan.dataset = "ELPV-D&R";
    return plan;
  }

 private:
  // Where the cells lie is the data set's business.
  static std::filesystem::path root_of(const Loading& loading) {
    for (const DatasetEntry& entry : datasets::dataset_catalogue())
      if (entry.name == "elpv")
        return entry.load({.root = loading.data_root, .variant = "all", .codec = loading.codec})
            .root;
    throw Error(Kind::internal, "no data set elpv");
  }
};

std::unique_ptr<Suite> make(const std::string& task, const std::string& variant) {
  if (task == kTask && variant.empty()) return std::make_unique<ElpvReasoning>();
  throw Error(Kind::usage, "no task '" + printable(task + (variant.empty() ? "" : ":" + variant)) +
                               "'; did you mean '" + kTask + "'?");
}

}  // namespace

SuiteEntry elpv_dr_suite() {
  return {.name = "elpv_dr",
          .summary = "reasoning about solar cells, written for this project",
          .tasks = {{kTask, "ELPV: 16 cells, four questions each, as VisA-D&R asks them", {}}},
          .make = make};
}

}  // namespace looktwice::suites
