// A suite without files: n samples in two categories, a dialogue of some turns, anomalous when the
// number is odd.
#pragma once

#include <memory>
#include <string>

#include "harness/run/task.h"

namespace looktwice::testing {

class FakeSuite final : public Suite {
 public:
  explicit FakeSuite(int turns = 1) : turns_(turns) {}
  Loaded load(const Loading&) const override { return {}; }
  std::optional<Question> ask(const Sample&, std::span<const Turn> turns) const override {
    if (static_cast<int>(turns.size()) == turns_) return {};
    const std::string text = "question " + std::to_string(turns.size());
    return Question{.text = text,
                    .parts = {{.kind = QuestionPart::Kind::image}, {.text = text}},
                    .wanted = {.score = true, .map = true}};
  }
  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    Outcome outcome{.status = answers.back().status, .error = answers.back().error};
    outcome.anomalous = sample.truth.anomalous;
    for (const char* scorer : {"official", "corrected"}) {
      Mark mark{.scorer = scorer, .score = answers.back().score};
      if (!mark.score) mark.unscored_because = "no score";
      outcome.marks.push_back(mark);
    }
    return outcome;
  }
  Plan plan() const override {
    return {.scorers = {"official", "corrected"},
            .image_metrics = {"auroc", "f1_max"},
            .headline = "auroc",
            .dataset = "Fake"};
  }

 private:
  const int turns_;
};

inline run::Task fake_task(int samples, int turns = 1) {
  run::Task task{.name = "fake.task", .suite = std::make_unique<FakeSuite>(turns), .root = "/data"};
  for (int i = 0; i < samples; ++i) {
    Sample sample{.id = "class/broken/" + std::to_string(1000 + i) + ".png",
                  .category = i % 3 == 0 ? "a" : "b"};
    sample.image.path = "/data/" + sample.id;
    sample.truth.anomalous = i % 2 == 1;
    task.samples.push_back(std::move(sample));
  }
  task.samples_in_set = samples;
  return task;
}

}  // namespace looktwice::testing
