#include "metrics/binary/ranked_scores.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

template <class Float>
using KeyOf = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;

// Unsigned keys that ascend as the scores descend. Adding zero makes -0 the same key as +0.
template <class Float>
KeyOf<Float> key_of(Float score) {
  using Key = KeyOf<Float>;
  constexpr int kTop = 8 * sizeof(Key) - 1;
  const Key bits = std::bit_cast<Key>(score + Float{0});
  const Key negative = bits >> kTop;
  return bits ^ (negative != 0 ? Key{0} : static_cast<Key>(~Key{0} >> 1));
}

template <class Float>
Float score_of(KeyOf<Float> key) {
  using Key = KeyOf<Float>;
  constexpr int kTop = 8 * sizeof(Key) - 1;
  const bool negative = (key >> kTop) != 0;
  return std::bit_cast<Float>(key ^ (negative ? Key{0} : static_cast<Key>(~Key{0} >> 1)));
}

// Least significant digit first, 11 bits a digit; digits that all keys share are skipped.
template <class Key>
void radix_sort(std::vector<Key>& keys) {
  if (keys.size() < 512) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  constexpr int kBits = 11, kDigits = (8 * sizeof(Key) + kBits - 1) / kBits;
  constexpr std::size_t kBuckets = std::size_t{1} << kBits;
  const auto digit = [](Key key, int d) {
    return static_cast<std::size_t>(key >> (d * kBits)) % kBuckets;
  };
  std::vector<std::array<std::size_t, kBuckets>> count(kDigits);
  for (const Key key : keys)
    for (int d = 0; d < kDigits; ++d) ++count[d][digit(key, d)];
  std::vector<Key> sorted(keys.size());
  for (int d = 0; d < kDigits; ++d) {
    if (count[d][digit(keys.front(), d)] == keys.size()) continue;
    std::array<std::size_t, kBuckets>& next = count[d];
    std::exclusive_scan(next.begin(), next.end(), next.begin(), std::size_t{0});
    for (const Key key : keys) sorted[next[digit(key, d)]++] = key;
    keys.swap(sorted);
  }
}

// Float: the precision to sort in. Source: the type given; every score must be a value of Float.
template <class Float, class Source>
void rank(std::span<const Source> scores, std::span<const std::uint8_t> positive,
          std::vector<double>& positives, std::vector<double>& negatives) {
  using Key = KeyOf<Float>;
  const auto p = static_cast<std::size_t>(
      std::count_if(positive.begin(), positive.end(), [](std::uint8_t y) { return y != 0; }));
  std::array<std::vector<Key>, 2> keys = {std::vector<Key>(scores.size() - p), std::vector<Key>(p)};
  std::array<Key*, 2> next = {keys[0].data(), keys[1].data()};
  for (std::size_t i = 0; i < scores.size(); ++i)
    *next[positive[i] != 0 ? 1 : 0]++ = key_of<Float>(static_cast<Float>(scores[i]));
  const auto sorted_scores = [](std::vector<Key>& from) {
    radix_sort(from);
    std::vector<double> to(from.size() + 1, -std::numeric_limits<double>::infinity());
    std::transform(from.begin(), from.end(), to.begin(), score_of<Float>);
    return to;
  };
  negatives = sorted_scores(keys[0]);
  positives = sorted_scores(keys[1]);
}

template <class Float>
void refuse_bad_input(std::span<const Float> scores, std::span<const std::uint8_t> positive) {
  if (scores.size() != positive.size())
    throw std::invalid_argument(std::to_string(scores.size()) + " scores, but " +
                                std::to_string(positive.size()) + " labels");
  std::size_t bad = 0;
  for (const Float score : scores) bad += !(std::fabs(score) <= std::numeric_limits<Float>::max());
  if (bad == 0) return;
  const auto first =
      std::find_if(scores.begin(), scores.end(), [](Float s) { return !std::isfinite(s); });
  throw std::invalid_argument("score " + std::to_string(first - scores.begin()) + " is " +
                              std::to_string(*first) + "; only finite scores can be ranked");
}

// Exactly a value of float?
bool all_floats(std::span<const double> scores) {
  std::size_t others = 0;
  for (const double s : scores)
    others += !(std::fabs(s) <= std::numeric_limits<float>::max() &&
                static_cast<double>(static_cast<float>(s)) == s);
  return others == 0;
}

// The three metrics as accumulators over groups of equal scores, descending.
struct AurocSum {
  std::int64_t above = 0;       // normal samples seen so far
  std::int64_t twice_lost = 0;  // 2 [s_p < s_n] + [s_p = s_n] over all pairs: exact
  void add(std::int64_t p, std::int64_t n) {
    twice_lost += p * (2 * above + n);
    above += n;
  }
  double value(std::int64_t p, std::int64_t n) const {
    return static_cast<double>(2 * p * n - twice_lost) /
           (2.0 * static_cast<double>(p) * static_cast<double>(n));
  }
};

struct PrecisionSum {
  double tp = 0, all = 0;
  Sum sum;
  void add(std::int64_t p, std::int64_t n) {
    tp += static_cast<double>(p);
    all += static_cast<double>(p + n);
    sum += static_cast<double>(p) * (tp / all);
  }
  double value() const { return sum.value() / tp; }
};

struct BestF1 {
  double positives = 0;
  double tp = 0, called = 0;
  F1Max best = {.value = -1};
  void add(double score, std::int64_t p, std::int64_t n) {
    tp += static_cast<double>(p);
    called += static_cast<double>(p + n);
    // 2TP / (2TP + FP + FN). One rounding, so equal fractions are equal doubles and the first,
    // highest threshold stays.
    const double f1 = 2 * tp / (called + positives);
    if (f1 > best.value) best = {f1, score};
  }
};

}  // namespace

RankedScores::RankedScores(std::span<const double> scores, std::span<const std::uint8_t> positive) {
  refuse_bad_input(scores, positive);
  // Scores mostly come from float models: half the digits to sort.
  if (all_floats(scores))
    rank<float>(scores, positive, positives_, negatives_);
  else
    rank<double>(scores, positive, positives_, negatives_);
}

RankedScores::RankedScores(std::span<const float> scores, std::span<const std::uint8_t> positive) {
  refuse_bad_input(scores, positive);
  rank<float>(scores, positive, positives_, negatives_);
}

std::string RankedScores::why_not() const {
  if (positives().empty() && negatives().empty()) return "no samples";
  if (positives().empty()) return "only normal samples: nothing to rank";
  if (negatives().empty()) return "only anomalous samples: nothing to rank";
  return "";
}

std::optional<double> RankedScores::auroc() const {
  if (positives().empty() || negatives().empty()) return {};
  AurocSum area;
  each_score([&](double, std::int64_t p, std::int64_t n) { area.add(p, n); });
  return area.value(std::ssize(positives()), std::ssize(negatives()));
}

std::optional<double> RankedScores::average_precision() const {
  if (positives().empty() || negatives().empty()) return {};
  PrecisionSum precision;
  each_score([&](double, std::int64_t p, std::int64_t n) { precision.add(p, n); });
  return precision.value();
}

std::optional<F1Max> RankedScores::f1_max() const {
  if (positives().empty() || negatives().empty()) return {};
  BestF1 f1{.positives = static_cast<double>(positives().size())};
  each_score([&](double score, std::int64_t p, std::int64_t n) { f1.add(score, p, n); });
  return f1.best;
}

RankingValues RankedScores::values() const {
  if (positives().empty() || negatives().empty()) return {};
  AurocSum area;
  PrecisionSum precision;
  BestF1 f1{.positives = static_cast<double>(positives().size())};
  each_score([&](double score, std::int64_t p, std::int64_t n) {
    area.add(p, n);
    precision.add(p, n);
    f1.add(score, p, n);
  });
  return {.auroc = area.value(std::ssize(positives()), std::ssize(negatives())),
          .average_precision = precision.value(),
          .f1_max = f1.best};
}

std::vector<CurvePoint> RankedScores::curve() const {
  std::vector<CurvePoint> points;
  CurvePoint point;
  each_score([&](double score, std::int64_t p, std::int64_t n) {
    point.threshold = score;
    point.true_positives += p;
    point.false_positives += n;
    points.push_back(point);
  });
  return points;
}

}  // namespace looktwice::metrics
