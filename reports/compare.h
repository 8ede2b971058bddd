// Two or more runs over the same samples: what differs, and whether it is more than chance. Every
// run is compared with the first; a difference is the other run's value minus the first's. Paired
// tests over the samples that both runs answered and the scorer could read; what failed, was
// refused or is unscored in either is left out and counted, never taken as wrong. Not here: the
// statistics (metrics/stats/paired_tests.h), thresholds to pass (gate.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/image.h"
#include "harness/core/sample.h"
#include "reports/metric_names.h"
#include "reports/run_view.h"
#include "reports/table.h"

namespace looktwice::reports {

struct CompareOptions {
  std::string scorer = {};  // "official", "corrected"; empty: official where there is one
  std::vector<std::string> tasks = {}, metrics = {};  // globs; empty: all
  bool intersect = false;  // compare the samples that both have, where the sets differ
  double level = 0.95;     // of the intervals
  int resamples = 1000;    // of AP and F1-max
  std::uint64_t seed = 0;
  int threads = 1;  // never changes the result
  int listed = 10;  // flipped samples named per task and direction
};

struct Comparison {
  struct Run {
    std::string name = {};  // the label, told apart where two are alike
    std::string id = {}, folder = {};
    std::string state = {};  // "PARTIAL: ...", "INCOMPLETE: ..."; empty: whole
    bool incomplete = false, partial = false;
  };
  // One line of the table of tests: a value of the first run, of another, and their difference.
  struct Row {
    std::size_t other = 1;  // index of the run that is compared with runs[0]
    std::string task = {}, scorer = {}, metric = {};
    std::string group = {};                             // a category, "macro" or "pooled"
    std::optional<double> first = {}, second = {};      // over the compared samples, as fractions
    std::optional<double> difference = {};              // second - first
    std::optional<store::Interval> interval = {};       // of the difference
    std::optional<double> p_value = {}, adjusted = {};  // adjusted: Holm over all tests
    double variance = 0;                                // of the difference, as the test takes it
    std::string test = {};
    std::string reason = {};    // why there is no test
    std::string note = {};      // "over 13 of 15 classes"
    std::int64_t compared = 0;  // samples; of "macro": over all its classes
    std::int64_t left_out = 0;  // samples of the group that the metric could not use
    bool higher_is_better = true;
  };
  // What became of the samples of a task in both runs.
  struct Counts {
    std::size_t other = 1;
    std::string task = {}, scorer = {};
    std::int64_t samples = 0;                     // in both
    std::int64_t only_first = 0, only_other = 0;  // not compared (--intersect)
    struct States {
      std::int64_t answered = 0, refused = 0, failed = 0, unscored = 0;
    } first = {}, second = {};
    std::int64_t compared = 0;
  };
  struct Flip {
    Outcome first = {}, second = {};  // text cut short
    std::optional<double> first_score = {}, second_score = {};
    bool first_says = false, second_says = false;  // anomalous; or, without scores, right
  };
  // Samples that exactly one of the two gets right, the clearest first.
  struct Flips {
    std::size_t other = 1;
    std::string task = {}, scorer = {};
    std::string rule = {};  // how right and wrong are told; empty: there is no way to tell
    std::int64_t both_right = 0, both_wrong = 0, lost = 0, won = 0;
    std::vector<Flip> lost_samples = {},  // right by the first run, wrong by the other
        won_samples = {};                 // and the reverse
    std::vector<std::string> lost_ids = {}, won_ids = {};  // all of them
  };
  struct Setting {
    std::string name = {};
    std::vector<std::string> values = {};  // one per run
  };

  double level = 0.95;
  std::vector<Run> runs = {};
  std::vector<Row> rows = {};
  std::vector<Counts> counts = {};
  std::vector<Flips> flips = {};
  std::vector<Setting> settings = {};  // of the configurations, where they differ
  std::vector<std::string> notes = {};
};

// Kind::usage when the runs hold different samples and intersect is not asked, or when there is no
// common task; Kind::data when data, variants or the way of scoring differ, or outcomes are
// missing.
Comparison compare(std::span<const RunView> runs, const CompareOptions& options = {});

Page page_of(const Comparison& comparison);
// One line per test.
Table tidy_table(const Comparison& comparison);
// CSV writes tidy_table, JSON everything, the others page_of; HTML without pictures.
std::string render(const Comparison& comparison, Format format, const RenderOptions& options = {});

struct CompareHtmlOptions {
  int pictures = 10;  // of flipped samples, per task and direction
  int side = 256;     // pixels of their longer side
};
// The page with pictures of flipped samples. runs: as given to compare().
std::string html_comparison(const Comparison& comparison, std::span<const RunView> runs,
                            const ImageCodec& codec, const CompareHtmlOptions& options = {});

}  // namespace looktwice::reports
