// Answers that are judged one by one: measures of each, their means over questions of a group,
// pictures and classes. The order of averaging (protocols: VisA-D&R): answers of the group about
// one picture, pictures of a class, classes; the mean over all pictures stands beside it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/run/mark.h"
#include "harness/store/summary.h"
#include "metrics/metric.h"
#include "metrics/text/rouge_words.h"

namespace looktwice::run {

// Adds to every mark that reads answers one by one what can be measured without a model (each
// answer's values), and the sample's mean of each measure and group (values of the mark).
void measure_answers(std::vector<Marked>& marked, const Plan& plan,
                     const metrics::WordCutter& unicode_words = {});

// By value ("gpt_score"): why no answer has it although somebody was asked for it.
using WhyNone = std::map<std::string, std::string>;

// Rows of the plan's measures and averages: per class, "macro" and "pooled". A measure that no
// answer has stands there without a value, with why, or else with what would give it.
void add_answer_rows(std::vector<store::Row>& rows, const Task& task,
                     const std::vector<Marked>& marked, const Plan& plan,
                     const metrics::MetricOptions& options, const WhyNone& why_none = {});

}  // namespace looktwice::run
