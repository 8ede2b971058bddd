// Does a run pass? Floors on its values, margins against a baseline on the paired interval, floors
// on the share of samples that have a score. Not here: reading the rules file
// (harness/cli/rules.h), the paired statistics (compare.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/compare.h"
#include "reports/run_view.h"
#include "reports/table.h"

namespace looktwice::reports {

// One rule, in the units that tables print: percent, and points of percent for differences.
struct GateRule {
  std::string task = "*", group = "overall", metric = {};  // globs; see docs/comparing.md
  std::string scorer = {};           // "official", "corrected"; empty: official where there is one
  std::optional<double> floor = {};  // the value is at least this
  std::optional<double> ceiling = {};  // the value is at most this
  // Not worse than the baseline by more: the bad end of the paired interval decides.
  std::optional<double> margin = {};
  std::optional<double> coverage = {};  // percent of the samples have a score; no metric needed
  bool of_interval = false;             // floor and ceiling: of the bad end of the value's interval
  bool skip_undefined = false;          // a value that is not defined is skipped instead of failed
  std::int64_t line = 0;                // in the rules file
};

struct GateRules {
  std::string file = {};  // for messages
  double level = 0.95;    // of the paired intervals
  std::vector<GateRule> rules = {};
};

enum class Verdict { passed, failed, skipped };

struct GateCheck {
  std::size_t rule = 0;   // index
  std::string kind = {};  // "floor", "ceiling", "margin", "coverage"
  std::string task = {}, group = {}, metric = {}, scorer = {};
  Verdict verdict = Verdict::failed;
  std::optional<double> value = {}, baseline = {};  // printed units
  std::optional<double> low = {},
                        high = {};  // interval of the value; of a margin: of the difference
  double limit = 0;
  std::string message = {};  // one sentence
};

struct Gate {
  std::string run = {}, run_id = {}, folder = {}, finished = {};
  std::string baseline = {}, baseline_folder = {};  // empty: none
  std::vector<std::string> states = {};             // "name: INCOMPLETE: ..."
  bool incomplete = false;  // run or baseline; or partial where that is not allowed
  std::vector<GateCheck> checks = {};
  double level = 0.95;
  int count(Verdict verdict) const;
};

struct GateOptions {
  bool intersect = false, allow_partial = false;
  int resamples = 1000, threads = 1;
  std::uint64_t seed = 0;
};

// baseline: null without one. Kind::usage for a rule that matches nothing (with what is near), and
// for a margin without a baseline; what compare() throws.
Gate gate(const RunView& run, const RunView* baseline, const GateRules& rules,
          const GateOptions& options = {});

Page page_of(const Gate& gate);
Table tidy_table(const Gate& gate);
std::string render(const Gate& gate, Format format, const RenderOptions& options = {});
// JUnit XML as Jenkins reads it (tests/data/junit/junit-10.xsd): a suite per task, a case per
// check.
std::string junit(const Gate& gate);

}  // namespace looktwice::reports
