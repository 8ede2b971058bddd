#include "adapters/imaging/resize_taps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  // The constants are single precision in Pillow.
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double value_of(Filter filter, double x) {
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::bilinear:
      return std::fabs(x) < 1.0 ? 1.0 - std::fabs(x) : 0.0;
    case Filter::hamming:
      return hamming(x);
    case Filter::bicubic:
      return bicubic(x);
    case Filter::lanczos:
      return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
    case Filter::nearest:
      break;
  }
  LOOKTWICE_CHECK(filter != Filter::nearest);
  return 0.0;
}

double support_of(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
    case Filter::hamming:
      return 1.0;
    case Filter::bicubic:
      return 2.0;
    case Filter::lanczos:
      return 3.0;
    case Filter::nearest:
      break;
  }
  LOOKTWICE_CHECK(filter != Filter::nearest);
  return 0.0;
}

}  // namespace

Taps<double> taps_of(int in_size, float in_begin, float in_end, int out_size, Filter filter) {
  const double scale =
      static_cast<double>(in_end - in_begin) / out_size;  // the difference is a float in Pillow
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(filter) * stretch;
  const double shrink = 1.0 / stretch;

  Taps<double> taps;
  taps.most = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.weight.resize(std::size_t(out_size) * std::size_t(taps.most));
  for (int i = 0; i < out_size; ++i) {
    const double centre = in_begin + (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int count = std::min(in_size, static_cast<int>(centre + support + 0.5)) - first;
    double* weight = &taps.weight[std::size_t(i) * std::size_t(taps.most)];
    double sum = 0.0;
    for (int j = 0; j < count; ++j)
      sum += weight[j] = value_of(filter, (j + first - centre + 0.5) * shrink);
    if (sum != 0.0)
      for (int j = 0; j < count; ++j) weight[j] /= sum;
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

TapPair pair_of(std::int32_t first, std::int32_t second) {
  const auto high = [](std::int32_t weight) {
    return static_cast<std::int16_t>(weight >> kLowBits);
  };
  const auto low = [](std::int32_t weight) {
    return static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
  };
  return {{high(first), high(second)}, {low(first), low(second)}};
}

Taps<TapPair> rounded(const Taps<double>& taps) {
  const auto fixed = [](double weight) {
    return static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kTapBits));
  };
  Taps<TapPair> out{.most = (taps.most + 1) / 2, .first = taps.first, .count = taps.count};
  out.weight.reserve(taps.first.size() * std::size_t(out.most));
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    const double* weight = &taps.weight[i * std::size_t(taps.most)];
    for (int j = 0; j < taps.most; j += 2)  // weights beyond the count are 0
      out.weight.push_back(pair_of(fixed(weight[j]), j + 1 < taps.most ? fixed(weight[j + 1]) : 0));
  }
  return out;
}

}  // namespace looktwice::imaging
