#include "harness/run/mark.h"

#include <algorithm>

#include "harness/store/frame.h"

namespace looktwice::run {
namespace {

Marked marked_sample(const Task& task, const Sample& sample, const Answers& answers) {
  Marked result;
  std::vector<Turn> turns;
  std::vector<Prediction> given;
  while (sample.flaw.empty()) {
    const std::optional<Question> question = task.suite->ask(sample, turns);
    if (!question) break;
    const auto found = answers.find(request_key(task, sample, turns.size()));
    if (found == answers.end()) {
      result.missing = true;
      break;
    }
    const StoredPrediction& stored = found->second;
    given.push_back(stored.prediction);
    if (!stored.map.file.empty()) result.map = stored.map;
    if (stored.prediction.status == Status::failed ||
        (stored.prediction.status == Status::refused && !question->alone))
      break;
    turns.push_back(
        {.question = question->text, .answer = stored.prediction.text, .parts = question->parts});
  }
  Outcome& outcome = result.outcome;
  if (!sample.flaw.empty()) {
    outcome.status = Status::failed;
    outcome.error = sample.flaw;
    outcome.anomalous = sample.truth.anomalous;
  } else if (result.missing) {
    outcome.status = Status::failed;
    outcome.error = "not answered yet";
    outcome.anomalous = sample.truth.anomalous;
  } else {
    outcome = task.suite->mark(sample, given);
  }
  outcome.task = task.full_name();
  outcome.sample = sample.id;
  outcome.category = sample.category;
  outcome.source = sample.source;
  outcome.defect = sample.truth.defect;
  if (!sample.image.path.empty())
    outcome.image = sample.image.path.lexically_relative(task.root).generic_string();
  outcome.region = sample.image.region;
  outcome.map = result.map.file;
  for (const Prediction& prediction : given) {
    if (prediction.text.empty()) continue;
    if (!outcome.text.empty()) outcome.text += '\n';
    outcome.text += prediction.text;
  }
  return result;
}

bool same_readings(const Mark& a, const Mark& b) {
  return std::ranges::equal(a.answers, b.answers, [](const AnswerMark& x, const AnswerMark& y) {
    return x.values == y.values && x.unscored_because.empty() == y.unscored_because.empty();
  });
}

}  // namespace

const std::string& unit_of(const Outcome& outcome) {
  return outcome.source.empty() ? outcome.category : outcome.source;
}

const Mark* mark_by(const Outcome& outcome, const std::string& scorer) {
  const auto found = std::ranges::find(outcome.marks, scorer, &Mark::scorer);
  return found == outcome.marks.end() ? nullptr : &*found;
}

Answers recorded_answers(const store::RunFolder& folder, const std::string& run,
                         const std::string& journal) {
  Answers answers;
  store::for_each_record(folder.journal(journal), journal, run,
                         [&](std::string_view object, std::uint64_t, std::uint64_t) {
                           StoredPrediction stored = prediction_of(object);
                           answers[stored.prediction.key] = std::move(stored);
                         });
  return answers;
}

std::vector<Marked> marked(const Task& task, const Answers& answers) {
  std::vector<Marked> all;
  all.reserve(task.samples.size());
  for (const Sample& sample : task.samples) all.push_back(marked_sample(task, sample, answers));
  return all;
}

store::Counts counted(const std::vector<Marked>& marked) {
  store::Counts counts;
  for (const Marked& one : marked) {
    ++counts.samples;
    if (one.missing) {
      ++counts.missing;
      continue;
    }
    switch (one.outcome.status) {
      case Status::answered:
        ++counts.answered;
        break;
      case Status::refused:
        ++counts.refused;
        break;
      case Status::failed:
        ++counts.failed;
        break;
    }
    if (one.outcome.status != Status::answered) continue;
    for (const Mark& mark : one.outcome.marks)
      counts.unscored[mark.scorer] += mark.unscored_because.empty() ? 0 : 1;
  }
  return counts;
}

std::vector<std::string> disagreements(const std::vector<Marked>& marked) {
  std::vector<std::string> ids;
  for (const Marked& one : marked) {
    const Mark* official = mark_by(one.outcome, "official");
    const Mark* corrected = mark_by(one.outcome, "corrected");
    if (!official || !corrected) continue;
    if (official->decision != corrected->decision || official->score != corrected->score ||
        official->unscored_because.empty() != corrected->unscored_because.empty() ||
        official->values != corrected->values || !same_readings(*official, *corrected))
      ids.push_back(one.outcome.sample);
  }
  return ids;
}

}  // namespace looktwice::run
