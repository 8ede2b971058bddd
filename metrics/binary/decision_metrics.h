// What the families `decision` and `threshold` share: counts in, accuracy, precision, recall and F1
// with intervals out.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "metrics/binary/confusion.h"
#include "metrics/metric.h"

namespace looktwice::metrics {

// Decisions about samples, in any order. Owns what values() needs: counts, how many were skipped,
// the stream of the bootstrap.
class DecisionCounts {
 public:
  void add(std::string_view id, bool positive, bool called_positive);
  void skip() { ++skipped_; }
  void merge(const DecisionCounts& part);
  // accuracy, precision, recall, f1, their names followed by `suffix`. Accuracy
  // and recall have Wilson's interval, precision one of two such rates, F1 a stratified bootstrap.
  // none: the reason when nothing was added.
  std::vector<Value> values(const std::string& suffix, const std::string& none,
                            const MetricOptions& options) const;

 private:
  Confusion counts_;
  std::int64_t skipped_ = 0;
  std::uint64_t tag_ = 0;  // sum of a hash of each id
};

// Of recall and false positive rate, each with Wilson's interval (MOVER: Zou and Donner 2008):
// Wilson's own takes the number of samples that were called anomalous as given, which makes it too
// wide, since here the numbers of both classes are given. Without one of the classes Wilson's.
// Needs a precision.
Interval precision_interval(const Confusion& counts, double level = 0.95);

// Of F1, from what it is when each class is drawn anew; where that never differs (all right, all
// wrong) from Wilson's bounds of both classes. Needs an F1.
Interval f1_interval(const Confusion& counts, std::span<const double> replicates);

std::vector<ValueInfo> decision_values(const std::string& suffix, const std::string& what);

}  // namespace looktwice::metrics
