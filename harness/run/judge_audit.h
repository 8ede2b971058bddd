// How far a judge can be trusted: does it say the same twice, the same in the other order, does it
// like length, does it agree with other judges and with people, and how much of the points'
// variance is the judge's. Reads judgements, asks nobody.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/run/judge.h"
#include "metrics/metric.h"
#include "metrics/stats/variance_split.h"

namespace looktwice::run {

// One judge's judgements of the answers of one run.
struct JudgedRun {
  std::string run = {};    // what tables call it
  std::string judge = {};  // id
  std::string name = {};   // "openai gpt-4o, llava 1"
  std::vector<Judged> judged = {};
};

// Points that people gave: a table with the columns sample, question (0, 1, ...) and points, and
// perhaps task. Kind::data names file and line.
JudgedRun human_points(const std::filesystem::path& file, const std::string& run,
                       std::span<const Judged> known);

// How well two sets of points of the same answers fit. Grades are points rounded to 1..10.
struct Agreement {
  std::string a = {}, b = {};
  std::int64_t answers = 0;
  std::optional<double> kappa = {};  // quadratic weights
  std::optional<double> alpha = {};  // Krippendorff's, interval scale
  std::optional<double> rank_correlation = {};
  double mean_difference = 0;  // a - b
  double mean_absolute_difference = 0;
};

struct JudgeQuality {
  std::string run = {}, judge = {}, name = {};
  JudgeCounts counts = {};
  std::optional<double> points = {};  // mean over pictures, of the means over their answers
  std::int64_t pictures = 0;
  double variance_of_pictures = 0;
  std::map<std::string, double> by_group = {};
  std::optional<metrics::Interval> of_pictures = {};  // what other pictures would give
  // And what another judge or repetition would give: over all of the run. Needs two of them.
  std::optional<metrics::Interval> with_judge_noise = {};
  // Pairs in which the better answer depends on which was shown first; a tie in one order only
  // counts half.
  std::int64_t pairs = 0;
  double flips = 0;
  std::optional<double> flip_rate = {};
  std::optional<metrics::Interval> flip_interval = {};
  std::optional<double> gain_of_second_place = {};  // mean points, answer shown second - first
  std::optional<Agreement> again = {};              // first against second repetition
  std::optional<double> rank_correlation_with_length = {};
  std::optional<double> length_p_value = {};
};

struct JudgeAudit {
  std::vector<JudgeQuality> judges = {};
  std::vector<Agreement> agreements = {};   // each two judges of a run, people among them
  std::optional<double> alpha_of_all = {};  // all judges of all runs
  std::optional<metrics::VarianceSplit> variance = {};
  std::int64_t samples = 0, models = 0, raters = 0;  // of the variance's layout: all answers that
                                                     // every judge judged of every model
};

JudgeAudit audit(std::span<const JudgedRun> runs);

}  // namespace looktwice::run
