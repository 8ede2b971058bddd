// The families ranking, decision and threshold as the harness drives them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "metrics/binary/auroc.h"
#include "metrics/binary/ranking_bias.h"
#include "metrics/catalogue.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/mean_over.h"

namespace looktwice::metrics {
namespace {

struct Sample {
  std::string id = {};
  std::optional<bool> positive = {};
  std::optional<double> score = {};
  std::optional<bool> predicted = {};
};

std::vector<Sample> random_samples(std::uint32_t seed, int n) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Sample> samples;
  for (int i = 0; i < n; ++i) {
    const bool positive = random() % 3 == 0;
    const double score = std::round((normal(random) + positive) * 10) / 10;
    samples.push_back({.id = "s" + std::to_string(i),
                       .positive = positive,
                       .score = score,
                       .predicted = score > 0.5});
    if (i % 17 == 3) samples.back().score = samples.back().predicted = {};
  }
  return samples;
}

std::unique_ptr<Metric> made(const std::string& family, const MetricOptions& options = {}) {
  for (const MetricEntry& entry : metric_catalogue())
    if (entry.name == family) return entry.make(options);
  throw std::logic_error("no family " + family);
}

void add(Metric& metric, const Sample& sample) {
  metric.add({.id = sample.id,
              .positive = sample.positive,
              .score = sample.score,
              .predicted = sample.predicted});
}

void expect_same_bits(const std::vector<Value>& a, const std::vector<Value>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    SCOPED_TRACE(a[i].name);
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].value, b[i].value);
    EXPECT_EQ(a[i].reason, b[i].reason);
    EXPECT_EQ(a[i].used, b[i].used);
    EXPECT_EQ(a[i].skipped, b[i].skipped);
    EXPECT_EQ(a[i].threshold, b[i].threshold);
    EXPECT_EQ(a[i].variance, b[i].variance);
    EXPECT_EQ(a[i].replicates, b[i].replicates);
    ASSERT_EQ(a[i].interval.has_value(), b[i].interval.has_value());
    if (a[i].interval) {
      EXPECT_EQ(a[i].interval->low, b[i].interval->low);
      EXPECT_EQ(a[i].interval->high, b[i].interval->high);
    }
  }
}

const char* const kFamilies[] = {"ranking", "decision", "threshold", "half", "variants"};

TEST(BinaryFamilies, GiveWhatTheyPromise) {
  for (const char* family : kFamilies) {
    const auto metric = made(family);
    for (const Sample& sample : random_samples(1, 100)) add(*metric, sample);
    const std::vector<Value> values = metric->values();
    for (const MetricEntry& entry : metric_catalogue()) {
      if (entry.name != family) continue;
      ASSERT_EQ(values.size(), entry.gives.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        SCOPED_TRACE(values[i].name);
        EXPECT_EQ(values[i].name, entry.gives[i].name);
        ASSERT_TRUE(values[i].value) << values[i].reason;
        EXPECT_EQ(values[i].used, 94);
        EXPECT_EQ(values[i].skipped, 6);
        ASSERT_TRUE(values[i].interval);
        EXPECT_LT(values[i].interval->low, *values[i].value);
        EXPECT_GT(values[i].interval->high, *values[i].value);
        EXPECT_GE(values[i].interval->low, 0);
        EXPECT_LE(values[i].interval->high, 1);
        EXPECT_FALSE(values[i].interval->method.empty());
      }
    }
  }
}

TEST(BinaryFamilies, OrderSplitAndThreadsChangeNoBit) {
  std::vector<Sample> samples = random_samples(2, 400);
  for (const char* family : kFamilies) {
    const auto all = made(family, {.seed = 5, .resamples = 200});
    for (const Sample& sample : samples) add(*all, sample);
    const std::vector<Value> expected = all->values();
    for (std::uint32_t seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(std::string(family) + ", seed " + std::to_string(seed));
      std::mt19937 random(seed);
      std::shuffle(samples.begin(), samples.end(), random);
      const auto whole =
          made(family, {.seed = 5, .resamples = 200, .threads = static_cast<int>(1 + seed)});
      std::vector<std::unique_ptr<Metric>> parts;
      for (std::uint32_t i = 0; i <= seed; ++i) parts.push_back(whole->clone_empty());
      for (const Sample& sample : samples) add(*parts[random() % parts.size()], sample);
      for (const auto& part : parts) whole->merge(*part);
      expect_same_bits(whole->values(), expected);
    }
  }
}

TEST(BinaryFamilies, VariantsAreThoseOfThePublishedCode) {
  const auto metric = made("variants", {.resamples = 50});
  for (int i = 0; i < 6; ++i)
    add(*metric, {.id = std::to_string(i), .positive = i < 2, .score = 1 + (i == 0)});
  const std::vector<Value> values = metric->values();
  // One anomalous sample above all, the other tied with four normal ones: MVTec's points lie before
  // the last sample of each score, at (0, 0) and (3/4, 1).
  EXPECT_DOUBLE_EQ(*values[0].value, 0.75 / 2 + 0.25);
  EXPECT_DOUBLE_EQ(*values[1].value, 0.75);
  // From (0, 1) to (1/2, 1) and on to (1, 1/3).
  EXPECT_DOUBLE_EQ(*values[2].value, 0.5 + 0.5 * (1 + 1.0 / 3) / 2);
  for (const Value& value : values) EXPECT_TRUE(value.interval) << value.name;
}

TEST(BinaryFamilies, OneClassIsNothingButToAdaClip) {
  const auto metric = made("variants");
  EXPECT_FALSE(metric->values()[1].value);
  for (int i = 0; i < 3; ++i)
    add(*metric, {.id = std::to_string(i), .positive = false, .score = i});
  const std::vector<Value> values = metric->values();
  EXPECT_FALSE(values[0].value);
  EXPECT_EQ(values[0].reason, "only normal samples: nothing to rank");
  EXPECT_EQ(values[1].value, 0.0);
  EXPECT_NE(values[1].no_interval.find("AdaCLIP"), std::string::npos);
  EXPECT_FALSE(values[2].value);
}

TEST(BinaryFamilies, SeedAndIdsChooseTheResamples) {
  const auto replicates = [](std::uint64_t seed, const std::string& prefix) {
    const auto metric = made("ranking", {.seed = seed, .resamples = 50});
    for (Sample sample : random_samples(3, 200)) {
      sample.id = prefix + sample.id;
      add(*metric, sample);
    }
    return metric->values()[1].replicates;
  };
  EXPECT_EQ(replicates(1, "bottle/"), replicates(1, "bottle/"));
  EXPECT_NE(replicates(1, "bottle/"), replicates(2, "bottle/"));
  EXPECT_NE(replicates(1, "bottle/"), replicates(1, "cable/"));
}

TEST(BinaryFamilies, NoBootstrapWhenAskedForNone) {
  const auto metric = made("ranking", {.resamples = 0});
  for (const Sample& sample : random_samples(4, 60)) add(*metric, sample);
  const std::vector<Value> values = metric->values();
  EXPECT_TRUE(values[0].interval);  // DeLong's needs none
  EXPECT_FALSE(values[1].interval || values[2].interval);
  EXPECT_TRUE(values[1].replicates.empty());
}

TEST(BinaryFamilies, NonFiniteScoresNameTheSample) {
  for (const char* family : {"ranking", "threshold", "half"})
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()}) {
      const auto metric = made(family);
      try {
        metric->add({.id = "bottle/test/broken/003", .positive = true, .score = bad});
        FAIL() << family << " took " << bad;
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("bottle/test/broken/003"), std::string::npos)
            << error.what();
      }
    }
}

TEST(BinaryFamilies, MissingValuesHaveReasons) {
  const auto ranking = made("ranking");
  EXPECT_EQ(ranking->values()[0].reason, "no samples");
  ranking->add({.id = "a", .positive = false});
  EXPECT_EQ(ranking->values()[0].reason, "no sample has a score and a label");
  ranking->add({.id = "b", .positive = false, .score = 1});
  for (const Value& value : ranking->values()) {
    EXPECT_FALSE(value.value || value.interval);
    EXPECT_EQ(value.reason, "only normal samples: nothing to rank");
    EXPECT_EQ(value.used, 1);
    EXPECT_EQ(value.skipped, 1);
  }
  const auto decision = made("decision");
  decision->add({.id = "a", .positive = false, .predicted = false});
  const std::vector<Value> values = decision->values();
  EXPECT_EQ(*values[0].value, 1);
  EXPECT_EQ(values[1].reason, "no sample was called anomalous");
  EXPECT_EQ(values[2].reason, "no anomalous sample");
  EXPECT_EQ(values[3].reason, "no anomalous sample");
  EXPECT_FALSE(values[1].value || values[2].value || values[3].value);
}

TEST(BinaryFamilies, ThresholdIsReached) {
  const auto metric = made("threshold", {.threshold = 2});
  metric->add({.id = "a", .positive = true, .score = 2});
  metric->add({.id = "b", .positive = true, .score = 1.9});
  metric->add({.id = "c", .positive = false, .score = -5});
  const std::vector<Value> values = metric->values();
  EXPECT_DOUBLE_EQ(*values[0].value, 2.0 / 3);
  EXPECT_EQ(*values[1].value, 1);
  EXPECT_EQ(*values[2].value, 0.5);
  EXPECT_EQ(*values[0].threshold, 2);
}

TEST(BinaryFamilies, HalfIsTheSameAtOneHalfWhateverIsGiven) {
  const auto at_half = made("threshold", {.threshold = 0.5}), half = made("half", {.threshold = 9}),
             at_nine = made("threshold", {.threshold = 9});
  for (Metric* metric : {at_half.get(), half.get(), at_nine.get()}) {
    metric->add({.id = "a", .positive = true, .score = 0.5});
    metric->add({.id = "b", .positive = true, .score = 0.4999999});
    metric->add({.id = "c", .positive = false, .score = 8});
    metric->add({.id = "d", .positive = false, .score = -1});
  }
  const std::vector<Value> values = half->values();
  EXPECT_EQ(values[0].name, "accuracy_at_half");
  EXPECT_EQ(*values[0].value, 0.5);
  EXPECT_EQ(*values[1].value, 0.5);
  EXPECT_EQ(*values[2].value, 0.5);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].name, at_half->values()[i].name + "_half");
    EXPECT_EQ(values[i].value, at_half->values()[i].value);
    EXPECT_EQ(values[i].replicates, at_half->values()[i].replicates);
    EXPECT_EQ(values[i].threshold, 0.5);
    EXPECT_EQ(at_nine->values()[i].threshold, 9);
  }
}

TEST(MeanOver, AveragesClassesThatHaveAValue) {
  std::vector<Value> classes(3);
  classes[0] = {
      .name = "auroc", .value = 0.8, .used = 10, .interval = Interval{0.7, 0.9}, .variance = 0.04};
  classes[1] = {
      .name = "auroc", .reason = "only normal samples: nothing to rank", .used = 5, .skipped = 1};
  classes[2] = {
      .name = "auroc", .value = 0.6, .used = 20, .interval = Interval{0.3, 0.7}, .variance = 0.12};
  const Value mean = mean_over(classes);
  EXPECT_DOUBLE_EQ(*mean.value, 0.7);
  EXPECT_EQ(mean.reason, "mean of 2 of 3 classes");
  EXPECT_EQ(mean.used, 35);
  EXPECT_EQ(mean.skipped, 1);
  EXPECT_DOUBLE_EQ(*mean.variance, 0.04);
  const Interval expected = logit_interval(0.7, 0, 0.2, normal_quantile(0.975), 0.95, "");
  EXPECT_DOUBLE_EQ(mean.interval->low, expected.low);
  EXPECT_DOUBLE_EQ(mean.interval->high, expected.high);
  EXPECT_EQ(mean_over({}).reason, "no classes");
  EXPECT_EQ(mean_over(std::span(classes).subspan(1, 1)).reason, "no class has a value");
}

TEST(MeanOver, ClassesPerfectlyApartStillHaveWidth) {
  const Value perfect{.name = "auroc", .value = 1, .interval = Interval{0.9, 1}, .variance = 0};
  const Value mean = mean_over(std::vector<Value>{perfect, perfect, perfect, perfect});
  EXPECT_EQ(*mean.value, 1);
  EXPECT_EQ(mean.interval->high, 1);
  EXPECT_NEAR(mean.interval->low, 1 - 0.05 / std::sqrt(4.0), 1e-3);
}

TEST(MeanOver, AClassPerfectlyApartVariesLikeTheOthersAtMost) {
  const Value apart{.name = "auroc", .value = 1, .interval = Interval{0.8, 1}, .variance = 0};
  const Value other{
      .name = "auroc", .value = 0.9, .interval = Interval{0.8, 0.95}, .variance = 0.0004};
  const std::vector<Value> classes = {apart, other};
  const Interval expected =
      logit_interval(0.95, 0, std::sqrt(0.0008) / 2, normal_quantile(0.975), 0.95, "");
  EXPECT_NEAR(mean_over(classes).interval->low, expected.low, 1e-12);
}

TEST(MeanOver, FewSamplesTakeStudentsQuantile) {
  const Value one{.name = "auroc",
                  .value = 0.8,
                  .interval = Interval{0.6, 0.9},
                  .variance = 0.01,
                  .degrees = 5};
  const Value mean = mean_over(std::vector<Value>(3, one));
  EXPECT_NEAR(*mean.degrees, 15, 1e-12);
  const Interval expected =
      logit_interval(0.8, 0, std::sqrt(0.01 / 3), student_t_quantile(0.975, 15), 0.95, "");
  EXPECT_NEAR(mean.interval->low, expected.low, 1e-12);
  EXPECT_NEAR(mean.interval->high, expected.high, 1e-12);
}

TEST(MeanOver, ABiasDoesNotAverageOut) {
  const Value one{.name = "f1_max", .value = 0.8, .interval = Interval{0.7, 0.9}, .bias = 0.03};
  const Value few = mean_over(std::vector<Value>(2, one)),
              many = mean_over(std::vector<Value>(100, one));
  EXPECT_NEAR(*many.bias, 0.03, 1e-15);
  EXPECT_LT(few.interval->low, many.interval->low);
  EXPECT_LT(many.interval->low, 0.77);
  EXPECT_GT(many.interval->high, 0.8);
}

TEST(RankingBias, KnowsRanksAloneAndTies) {
  std::vector<double> scores, stretched;
  std::vector<std::uint8_t> positive;
  RandomStream random({.seed = 5}, 0);
  for (int i = 0; i < 120; ++i) {
    positive.push_back(i % 2 == 1 ? 1 : 0);
    scores.push_back(random.uniform() + random.uniform() + 0.5 * (i % 2));
    stretched.push_back(std::exp(9 * scores.back()) - 3);
  }
  const double optimism = f1_max_optimism(RankedScores(scores, positive), {.seed = 1});
  EXPECT_EQ(optimism, f1_max_optimism(RankedScores(stretched, positive), {.seed = 1}));
  EXPECT_GT(optimism, 0.01);
  EXPECT_LT(optimism, 0.04);
  // One score for all: nothing to choose from. Few: less to choose from.
  EXPECT_EQ(f1_max_optimism(RankedScores(std::vector<double>(120, 1), positive), {}), 0);
  for (double& score : scores) score = std::round(score);
  EXPECT_LT(f1_max_optimism(RankedScores(scores, positive), {.seed = 1}), 0.7 * optimism);
  EXPECT_EQ(f1_max_optimism(RankedScores(scores, std::vector<std::uint8_t>(120)), {}), 0);
}

TEST(LogitInterval, ALargeBiasOfChoiceLeavesTheUpperTailToTheLowerEnd) {
  const double z = normal_quantile(0.975);
  const auto at = [&](double bias, Bias of) {
    return logit_interval(0.8, bias, 0.01, z, 0.95, "", of);
  };
  EXPECT_EQ(at(0, Bias::of_choice).low, at(0, Bias::of_estimate).low);
  EXPECT_GT(at(0.05, Bias::of_choice).low, at(0.05, Bias::of_estimate).low);
  EXPECT_EQ(at(0.05, Bias::of_choice).high, at(0, Bias::of_estimate).high);
  // 1.645 deviations below 0.75 on the logit scale, slope half-way.
  const double half = normal_quantile(0.95) * 0.01 / (0.775 * 0.225);
  EXPECT_NEAR(at(0.05, Bias::of_choice).low, 1 / (1 + std::exp(half - std::log(3.0))), 1e-6);
}

TEST(MeanOver, AveragesReplicates) {
  std::vector<Value> classes(2);
  classes[0] = {.name = "f1_max", .value = 0.5, .replicates = {0.4, 0.5, 0.6}};
  classes[1] = {.name = "f1_max", .value = 0.7, .replicates = {0.8, 0.7, 0.7}};
  const Value mean = mean_over(classes);
  ASSERT_EQ(mean.replicates.size(), 3U);
  EXPECT_DOUBLE_EQ(mean.replicates[0], 0.6);
  EXPECT_DOUBLE_EQ(mean.replicates[2], 0.65);
  EXPECT_TRUE(mean.interval);
}

}  // namespace
}  // namespace looktwice::metrics
