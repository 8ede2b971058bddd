// What the reasoning tasks share, whatever the pictures: questions as one conversation, groups of
// questions, marks that leave the measuring to texts, encoders and judges. Private to this folder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/suite.h"
#include "suites/visa_dr/records.h"

namespace looktwice::suites {

inline constexpr const char* kDrSystem = "You are a helpful assistant.";
// Of both scripts: the longer side at most 1024, then greedy decoding.
inline constexpr PictureRule kDrPictures{.longest_side = 1024};

// Neither task shows reference pictures. Kind::data.
void refuse_fewshot(const Loading& loading, const std::string& title);

// Questions 0 and 1 are "low_level", the others "complex".
void set_questions(Sample& sample, DrRecord record);

// The next question of the sample's conversation.
std::optional<Question> next_question(const Sample& sample, std::span<const Turn> turns);

// One Answer per question that was answered, with an empty mark for each scorer. An empty answer is
// unscored; so is the sample when no answer has a word.
Outcome read_dialogue(const Sample& sample, std::span<const Prediction> answers,
                      const std::vector<std::string>& scorers);

// ROUGE-L of the low-level questions, similarity and a judge's points of both groups.
Plan dialogue_plan();

}  // namespace looktwice::suites
