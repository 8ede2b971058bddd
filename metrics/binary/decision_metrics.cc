#include "metrics/binary/decision_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "metrics/stats/bootstrap.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/proportion.h"

namespace looktwice::metrics {
namespace {

Value rate(const std::string& name, std::int64_t part, std::int64_t whole, const char* none) {
  if (whole == 0) return {.name = name, .reason = none};
  return {.name = name,
          .value = static_cast<double>(part) / static_cast<double>(whole),
          .interval = wilson(part, whole)};
}

// A value as a function of two rates, recall and false positive rate, which the fixed numbers of
// the two classes make independent; the distances that each rate's Wilson bounds move it by, added
// in squares (MOVER, Zou and Donner 2008). of(recall, alarms) rises with recall and falls with
// alarms.
template <class Of>
Interval from_rates(const Confusion& c, double value, const Of& of, double level = 0.95) {
  const auto n = static_cast<double>(c.negatives());
  const double recall = *c.recall();
  const double alarms = n > 0 ? static_cast<double>(c.false_positives) / n : 0;
  const Interval r = wilson(c.true_positives, c.positives(), level);
  const Interval a =
      n > 0 ? wilson(c.false_positives, c.negatives(), level) : Interval{.low = 0, .high = 0};
  return {.low = std::max(
              0.0, value - std::hypot(value - of(r.low, alarms), value - of(recall, a.high))),
          .high = std::min(
              1.0, value + std::hypot(of(r.high, alarms) - value, of(recall, a.low) - value)),
          .level = level,
          .method = "wilson, mover"};
}

Interval f1_from_rates(const Confusion& c) {
  const auto p = static_cast<double>(c.positives()), n = static_cast<double>(c.negatives());
  return from_rates(c, *c.f1(), [&](double recall, double alarms) {
    return 2 * recall * p / (recall * p + alarms * n + p);
  });
}

// By the delta method, unbiased, for a mean over classes: what Wilson's bounds are worth is too
// narrow there, since they lean towards one half. Without a right or a wrong alarm: not known.
std::optional<double> precision_variance(const Confusion& c) {
  if (c.true_positives == 0 || c.false_positives == 0 || c.positives() < 2 || c.negatives() < 2)
    return {};
  const auto of_rate = [](double rate, std::int64_t size) {  // relative to the rate's square
    return (1 - rate) / rate / static_cast<double>(size - 1);
  };
  const double value = *c.precision();
  const double alarms = static_cast<double>(c.false_positives) / static_cast<double>(c.negatives());
  return std::pow(value * (1 - value), 2) *
         (of_rate(*c.recall(), c.positives()) + of_rate(alarms, c.negatives()));
}

// Within a class all that matters is how many draws hit a sample that was called anomalous.
std::vector<double> f1_replicates(const Confusion& counts, const BootstrapOptions& options) {
  const std::size_t strata[] = {static_cast<std::size_t>(counts.positives()),
                                static_cast<std::size_t>(counts.negatives())};
  const auto hits = [](std::span<const std::uint32_t> drawn) {
    return std::accumulate(drawn.begin(), drawn.end(), std::int64_t{0});
  };
  auto replicates = bootstrap(
      strata, 1, options, [&](std::span<const std::uint32_t> drawn, std::span<double> out) {
        Confusion again;
        again.true_positives = hits(drawn.first(static_cast<std::size_t>(counts.true_positives)));
        again.false_negatives = counts.positives() - again.true_positives;
        again.false_positives =
            hits(drawn.subspan(strata[0], static_cast<std::size_t>(counts.false_positives)));
        again.true_negatives = counts.negatives() - again.false_positives;
        out[0] = again.f1().value_or(0);
      });
  return std::move(replicates[0]);
}

}  // namespace

Interval precision_interval(const Confusion& c, double level) {
  if (c.positives() == 0 || c.negatives() == 0)
    return wilson(c.true_positives, c.called_positive(), level);
  const auto p = static_cast<double>(c.positives()), n = static_cast<double>(c.negatives());
  const double value = *c.precision();
  return from_rates(
      c, value,
      [&](double recall, double alarms) {
        const double called = recall * p + alarms * n;
        return called > 0 ? recall * p / called : value;
      },
      level);
}

Interval f1_interval(const Confusion& c, std::span<const double> replicates) {
  const double value = *c.f1(), deviation = deviation_of(replicates);
  if (deviation > 0 && value > 0 && value < 1)
    return logit_interval(value, 0, deviation, normal_quantile(0.975), 0.95,
                          "stratified bootstrap");
  return f1_from_rates(c);
}

void DecisionCounts::add(std::string_view id, bool positive, bool called_positive) {
  counts_.add(positive, called_positive);
  tag_ += stream_tag(id);
}

void DecisionCounts::merge(const DecisionCounts& part) {
  counts_ += part.counts_;
  skipped_ += part.skipped_;
  tag_ += part.tag_;
}

std::vector<Value> DecisionCounts::values(const std::string& suffix, const std::string& none,
                                          const MetricOptions& options) const {
  const Confusion& c = counts_;
  Value f1{.name = "f1" + suffix, .value = c.f1(), .reason = c.f1() ? "" : "no anomalous sample"};
  if (f1.value && options.resamples > 0) {
    f1.replicates = f1_replicates(c, {.resamples = options.resamples,
                                      .key = {.seed = options.seed, .tag = tag_},
                                      .threads = options.threads});
    f1.interval = f1_interval(c, f1.replicates);
  }
  std::vector<Value> values = {
      rate("accuracy" + suffix, c.right(), c.all(), "no samples"),
      rate("precision" + suffix, c.true_positives, c.called_positive(),
           "no sample was called anomalous"),
      rate("recall" + suffix, c.true_positives, c.positives(), "no anomalous sample"), f1};
  if (Value& precision = values[1]; precision.value) {
    precision.interval = precision_interval(c);
    precision.variance = precision_variance(c);
  }
  for (Value& value : values) {
    if (options.zero_rates && !value.value && c.all() > 0) value.value = 0;
    value.used = c.all();
    value.skipped = skipped_;
    if (c.all() == 0) value.reason = skipped_ > 0 ? none : "no samples";
  }
  return values;
}

std::vector<ValueInfo> decision_values(const std::string& suffix, const std::string& what) {
  return {{"accuracy" + suffix, "share of right decisions, " + what},
          {"precision" + suffix, "share of anomalous among those called so, " + what},
          {"recall" + suffix, "share of the anomalous that were called so, " + what},
          {"f1" + suffix, "2TP / (2TP + FP + FN), " + what}};
}

}  // namespace looktwice::metrics
