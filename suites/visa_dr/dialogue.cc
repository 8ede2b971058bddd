#include "suites/visa_dr/dialogue.h"

#include <algorithm>
#include <cctype>

#include "harness/core/error.h"

namespace looktwice::suites {
namespace {

constexpr const char* kLowLevel = "low_level";
constexpr const char* kComplex = "complex";

bool has_text(const std::string& text) {
  return std::ranges::any_of(text, [](unsigned char c) { return !std::isspace(c); });
}

}  // namespace

void refuse_fewshot(const Loading& loading, const std::string& title) {
  if (loading.num_fewshot > 0)
    throw Error(Kind::data, title +
                                ": the protocol shows no reference pictures, --num_fewshot "
                                "asks for " +
                                std::to_string(loading.num_fewshot));
}

void set_questions(Sample& sample, DrRecord record) {
  for (std::size_t i = 0; i < record.questions.size(); ++i)
    sample.questions.push_back(
        {.group = i < 2 ? kLowLevel : kComplex, .text = std::move(record.questions[i])});
  sample.truth.references = std::move(record.references);
}

std::optional<Question> next_question(const Sample& sample, std::span<const Turn> turns) {
  if (turns.size() >= sample.questions.size()) return {};
  return Question{.system = kDrSystem,
                  .text = sample.questions[turns.size()].text,
                  .wanted = {.text = true},
                  .pictures = kDrPictures};
}

Outcome read_dialogue(const Sample& sample, std::span<const Prediction> answers,
                      const std::vector<std::string>& scorers) {
  Outcome outcome;
  outcome.anomalous = sample.truth.anomalous;
  std::vector<AnswerMark> read;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    outcome.status = answers[i].status;
    outcome.error = answers[i].error;
    if (outcome.status != Status::answered) break;
    outcome.answers.push_back({.group = sample.questions[i].group,
                               .question = sample.questions[i].text,
                               .text = answers[i].text,
                               .reference = sample.truth.references[i]});
    read.push_back({.unscored_because = has_text(answers[i].text) ? "" : "an empty answer"});
  }
  for (const std::string& scorer : scorers) {
    Mark mark{.scorer = scorer, .answers = read};
    if (outcome.status != Status::answered)
      mark.unscored_because = name_of(outcome.status);
    else if (std::ranges::none_of(read,
                                  [](const auto& one) { return one.unscored_because.empty(); }))
      mark.unscored_because = "no answer has a word";
    outcome.marks.push_back(std::move(mark));
  }
  return outcome;
}

Plan dialogue_plan() {
  Plan plan{.scorers = {"official", "corrected"},
            .measures = {{kLowLevel, "rouge_l"},
                         {kLowLevel, "sbert"},
                         {kLowLevel, "gpt_score"},
                         {kComplex, "sbert"},
                         {kComplex, "gpt_score"}}};
  plan.headline = plan.measures[0].name();
  for (std::size_t i = 1; i < plan.measures.size(); ++i)
    plan.columns.push_back(plan.measures[i].name());
  return plan;
}

}  // namespace looktwice::suites
