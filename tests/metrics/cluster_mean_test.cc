// Means of clustered values against numpy, their intervals against simulation, variance components
// against least squares (scripts/golden/judge_golden.py).
#include "metrics/stats/cluster_mean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "metrics/measure.h"
#include "metrics/stats/bootstrap.h"
#include "metrics/stats/variance_split.h"

namespace looktwice::metrics {
namespace {

nlohmann::json golden_json(const std::string& name) {
  std::ifstream in(std::string(LOOKTWICE_TEST_DATA) + "/judge/" + name);
  return nlohmann::json::parse(in);
}

ClusterMean filled(const nlohmann::json& clusters, Pooling pooling, bool backwards = false) {
  ClusterMean mean(pooling);
  std::vector<nlohmann::json> list(clusters.begin(), clusters.end());
  if (backwards) std::reverse(list.begin(), list.end());
  for (const auto& one : list)
    mean.add(one["id"].get<std::string>(), one["positive"].get<bool>(),
             one["values"].get<std::vector<double>>());
  return mean;
}

TEST(ClusterMean, EqualsNumpy) {
  const auto golden = golden_json("cluster_mean.json");
  for (const auto& [pooling, name] :
       {std::pair(Pooling::clusters, "clusters"), std::pair(Pooling::values, "values"),
        std::pair(Pooling::balanced, "balanced")}) {
    const Value value = filled(golden["clusters"], pooling).value({});
    EXPECT_NEAR(*value.value, golden["means"][name].get<double>(), 1e-14) << name;
    EXPECT_EQ(value.used, golden["means"]["used"].get<int>());
    EXPECT_EQ(value.skipped, golden["means"]["skipped"].get<int>());
    ASSERT_TRUE(value.interval);
    EXPECT_LT(value.interval->low, *value.value);
    EXPECT_GT(value.interval->high, *value.value);
  }
  // The bootstrap over clusters, in two strata here, finds about the deviation of the formula.
  const Value value = filled(golden["clusters"], Pooling::clusters).value({.resamples = 4000});
  const double error = golden["means"]["standard_error"].get<double>();
  EXPECT_NEAR(deviation_of(value.replicates), error, 0.1 * error);
}

// Right and wrong answers take a shorter way, to the same bits.
TEST(ClusterMean, WholeNumbersAddUpToTheSameBits) {
  struct Cluster {
    std::uint64_t tag = 0;
    bool positive = false;
    double sum = 0;
    int count = 0;
  };
  std::mt19937 draw(11);
  ClusterMean mean(Pooling::values);
  std::vector<Cluster> clusters;
  std::size_t sizes[2] = {};
  std::uint64_t tag = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string id = "picture " + std::to_string(i);
    std::vector<double> values(draw() % 6);
    for (double& value : values) value = draw() % 3 == 0;
    const bool positive = draw() % 2 == 0;
    mean.add(id, positive, values);
    Cluster one{.tag = stream_tag(id), .positive = positive, .count = int(values.size())};
    for (const double value : values) one.sum += value;
    clusters.push_back(one);
    ++sizes[positive ? 0 : 1];
    tag += one.tag;
  }
  std::ranges::sort(clusters, [](const Cluster& a, const Cluster& b) {
    return a.positive != b.positive ? a.positive : a.tag < b.tag;
  });
  const auto pooled = [&](std::span<const std::uint32_t> drawn) {
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      sum += drawn[i] * clusters[i].sum;
      weight += drawn[i] * clusters[i].count;
    }
    return sum / weight;
  };
  const Value value = mean.value({.seed = 5, .resamples = 200});
  const auto n = static_cast<double>(value.used);
  const double wider = std::sqrt(n / (n - 2));
  EXPECT_EQ(*value.value, pooled(std::vector<std::uint32_t>(clusters.size(), 1)));
  const std::vector<double> slow = std::move(
      bootstrap(sizes, 1, {.resamples = 200, .key = {.seed = 5, .tag = tag}, .threads = 1},
                [&](std::span<const std::uint32_t> drawn, std::span<double> out) {
                  out[0] = *value.value + wider * (pooled(drawn) - *value.value);
                })[0]);
  EXPECT_EQ(value.replicates, slow);
}

TEST(ClusterMean, OrderPartsAndThreadsChangeNoBit) {
  const auto golden = golden_json("cluster_mean.json");
  const Value value = filled(golden["clusters"], Pooling::values).value({.threads = 1});
  const Value other = filled(golden["clusters"], Pooling::values, true).value({.threads = 3});
  EXPECT_EQ(value.value, other.value);
  EXPECT_EQ(value.replicates, other.replicates);
  ClusterMean first(Pooling::values), second(Pooling::values);
  int i = 0;
  for (const auto& one : golden["clusters"])
    (++i % 2 == 0 ? first : second)
        .add(one["id"].get<std::string>(), one["positive"].get<bool>(),
             one["values"].get<std::vector<double>>());
  first.merge(second);
  EXPECT_EQ(first.value({}).replicates, value.replicates);
}

TEST(ClusterMean, WorkedByHand) {
  ClusterMean mean(Pooling::clusters, {.low = 1, .high = 10});
  mean.add("a", true, std::vector<double>{2, 4});
  mean.add("b", true, std::vector<double>{9});
  mean.add("c", true, std::vector<double>{});
  const Value value = mean.on_range(mean.value({}));
  EXPECT_DOUBLE_EQ(*value.value, 6);  // of 3 and 9, not of 2, 4 and 9
  EXPECT_EQ(value.used, 2);
  EXPECT_EQ(value.skipped, 1);
  EXPECT_GE(value.interval->low, 1);
  EXPECT_LE(value.interval->high, 10);
}

TEST(ClusterMean, UndefinedIsNotZero) {
  ClusterMean none(Pooling::clusters);
  none.add("a", true, {});
  EXPECT_FALSE(none.value({}).value);
  EXPECT_FALSE(none.value({}).reason.empty());
  ClusterMean one_side(Pooling::balanced);
  one_side.add("a", true, std::vector<double>{1});
  EXPECT_FALSE(one_side.value({}).value);
  ClusterMean single(Pooling::clusters);
  single.add("a", true, std::vector<double>{0.5});
  EXPECT_EQ(single.value({}).value, 0.5);
  EXPECT_FALSE(single.value({}).interval);
  ClusterMean perfect(Pooling::values);
  for (int i = 0; i < 20; ++i) perfect.add(std::to_string(i), true, std::vector<double>{1});
  EXPECT_LT(perfect.value({}).interval->low, 0.9);
  EXPECT_THROW(perfect.add("x", true, std::vector<double>{1.5}), std::invalid_argument);
  EXPECT_THROW(perfect.add("x", true, std::vector<double>{std::nan("")}), std::invalid_argument);
}

// Beta-distributed cluster means, 2 to 4 correlated values each: the interval must hold the truth
// about as often as it says.
TEST(ClusterMean, TheIntervalCovers) {
  int held = 0;
  constexpr int kTrials = 400, kClusters = 20;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::mt19937 generator(static_cast<unsigned>(trial) + 1000);
    std::uniform_real_distribution<double> uniform(0, 1);
    ClusterMean mean(Pooling::clusters);
    for (int c = 0; c < kClusters; ++c) {
      const double centre = 0.1 + 0.5 * uniform(generator);  // mean 0.35
      std::vector<double> values;
      for (int v = 0; v < 2 + c % 3; ++v)
        values.push_back(centre + 0.2 * (uniform(generator) - 0.5));
      mean.add(std::to_string(trial) + " " + std::to_string(c), true, values);
    }
    const Value value = mean.value({.resamples = 400});
    held += value.interval->low <= 0.35 && 0.35 <= value.interval->high;
  }
  // 0.95 of 400 is 380, deviation 4.4.
  EXPECT_GE(held, 380 - 18);
  EXPECT_LE(held, 380 + 16);
}

TEST(AverageOf, SharesDrawsAndNamesWhatIsMissing) {
  const auto golden = golden_json("cluster_mean.json");
  const Value value = filled(golden["clusters"], Pooling::values).value({});
  const std::vector<Value> same = {value, value, Value{.reason = "nothing"}};
  const Value average = average_of(same);
  EXPECT_DOUBLE_EQ(*average.value, *value.value);
  EXPECT_EQ(average.reason, "mean of 2 of 3 values");
  // The same value twice is no more certain than once.
  EXPECT_NEAR(deviation_of(average.replicates), deviation_of(value.replicates), 1e-12);
  EXPECT_FALSE(average_of(std::vector<Value>{Value{.reason = "nothing"}}).value);
}

TEST(VarianceSplit, EqualsNestedLeastSquares) {
  for (const auto& one : golden_json("variance_split.json")) {
    const auto levels = one["levels"].get<std::vector<std::size_t>>();
    const auto points = one["points"].get<std::vector<double>>();
    const auto split = variance_split(points, levels[0], levels[1], levels[2]);
    ASSERT_TRUE(split);
    EXPECT_NEAR(split->sample, one["sample"].get<double>(), 1e-10);
    EXPECT_NEAR(split->model, one["model"].get<double>(), 1e-10);
    EXPECT_NEAR(split->judge, one["judge"].get<double>(), 1e-10);
    EXPECT_NEAR(split->rest, one["rest"].get<double>(), 1e-10);
  }
  EXPECT_FALSE(variance_split(std::vector<double>{1, 2, 3}, 3, 1, 1));  // nothing is left over
  EXPECT_THROW(variance_split(std::vector<double>{1, 2}, 3, 1, 1), std::invalid_argument);
}

TEST(Measures, NamesAreUniqueAndTextsMeasureThemselvesAsOne) {
  std::vector<std::string> names;
  const WordCutter spaces = [](std::string_view text, std::vector<std::string>& words) {
    for (const char letter : text)
      if (letter != ' ') words.emplace_back(1, letter);
  };
  for (const Measure& measure : measure_catalogue()) {
    EXPECT_TRUE(std::ranges::find(names, measure.name) == names.end()) << measure.name;
    names.push_back(measure.name);
    EXPECT_FALSE(measure.summary.empty());
    if (measure.make) {
      EXPECT_EQ(measure.make(spaces)("a b c", "a b c"), 1) << measure.name;
    }
  }
}

}  // namespace
}  // namespace looktwice::metrics
