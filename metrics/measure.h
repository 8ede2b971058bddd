// What is measured of one answer: ROUGE-L, similarity, a judge's points, right or wrong. A metric
// (metric.h) is of many samples; a measure becomes one by averaging (stats/cluster_mean.h).
// Not here: questions, groups of them, judges, encoders.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/stats/cluster_mean.h"
#include "metrics/text/rouge_words.h"

namespace looktwice::metrics {

// One thread at a time.
using TextMeasure = std::function<double(std::string_view reference, std::string_view answer)>;

struct Measure {
  std::string name = {}, summary = {};  // "rouge_l"
  std::string reads = {};  // the answers' value that is averaged; empty: the one of its name
  Pooling pooling = Pooling::clusters;
  Range range = {};
  bool higher_is_better = true;
  // Of measures that need no model. Others come from a suite, an encoder or a judge. unicode_words:
  // for those that are called "_icu"; without it they throw std::invalid_argument.
  std::function<TextMeasure(const WordCutter& unicode_words)> make = {};
  std::string missing = {};  // why no answer has it and what gives it: "no judge was asked ..."

  const std::string& value() const { return reads.empty() ? name : reads; }
};

std::vector<Measure> measure_catalogue();

}  // namespace looktwice::metrics
