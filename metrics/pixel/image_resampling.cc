#include "metrics/pixel/image_resampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"
#include "metrics/stats/parallel.h"

namespace looktwice::metrics {
namespace {

bool inside(double rate) {
  return rate > 0 && rate < 1;
}

// From values[i], without image i, on the logit scale, as the interval is. Where not all lie
// between 0 and 1 (one image holds all that a value is short of 1) as they are, and nothing of
// skewness.
void add_spread(ResampledValue& result, std::vector<double> values,
                std::span<const std::size_t> strata) {
  const bool on_logit = inside(result.estimate) && std::ranges::all_of(values, inside);
  if (on_logit)
    for (double& value : values) value = std::log(value / (1 - value));
  const Spread spread = jackknifed(strata, values).spread;
  const double slope = on_logit ? result.estimate * (1 - result.estimate) : 1;
  result.variance = spread.variance * slope * slope;
  result.degrees = spread.degrees();
  result.skewness = on_logit ? 6 * acceleration(strata, values) : 0;
}

}  // namespace

ImageDraws::ImageDraws(std::vector<std::string> names) : names_(std::move(names)) {}

void ImageDraws::add(std::string id, std::size_t stratum) {
  images_.push_back({.id = std::move(id), .stratum = stratum});
}

ImageDraws::Drawn ImageDraws::drawn() const {
  Drawn drawn{.order = std::vector<std::size_t>(images_.size()),
              .strata = std::vector<std::size_t>(names_.size(), 0)};
  std::iota(drawn.order.begin(), drawn.order.end(), std::size_t{0});
  std::ranges::sort(drawn.order, {}, [&](std::size_t i) {
    return std::pair(images_[i].stratum, std::string_view(images_[i].id));
  });
  for (const Image& image : images_) {
    ++drawn.strata[image.stratum];
    drawn.tag += stream_tag(image.id);
  }
  for (std::size_t s = 0; s < names_.size(); ++s)
    if (drawn.strata[s] == 1)
      drawn.why_not = "one " + names_[s] + " image: how much images differ is not known";
  if (images_.empty()) drawn.why_not = "no image";
  return drawn;
}

std::size_t ImageDraws::Drawn::stratum_of(std::size_t place) const {
  std::size_t stratum = 0;
  while (place >= strata[stratum]) place -= strata[stratum++];
  return stratum;
}

std::vector<ResampledValue> resampled(const ImageDraws::Drawn& drawn, std::size_t values,
                                      const MetricOptions& options, const OfImages& of) {
  std::vector<ResampledValue> results(values);
  const std::size_t images = drawn.order.size();
  std::vector<double> estimates(values);
  of.drawn(std::vector<std::uint32_t>(images, 1), estimates);
  for (std::size_t v = 0; v < values; ++v) {
    results[v].estimate = estimates[v];
    results[v].why_not = options.resamples < 2 ? "--resamples=0" : drawn.why_not;
  }
  if (!results.empty() && !results[0].why_not.empty()) return results;
  auto replicates = bootstrap(drawn.strata, values,
                              {.resamples = options.resamples,
                               .key = {.seed = options.seed, .tag = drawn.tag},
                               .threads = options.threads},
                              of.drawn);
  std::vector<std::vector<double>> without(values, std::vector<double>(images));
  in_parts(static_cast<int>(images), options.threads, [&](int begin, int end) {
    std::vector<double> out(values);
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      of.without(i, out);
      for (std::size_t v = 0; v < values; ++v) without[v][i] = out[v];
    }
  });
  const auto undefined = [](double one) { return !std::isfinite(one); };
  for (std::size_t v = 0; v < values; ++v) {
    ResampledValue& result = results[v];
    result.replicates = std::move(replicates[v]);
    if (std::ranges::any_of(result.replicates, undefined) ||
        std::ranges::any_of(without[v], undefined)) {
      result.why_not = "some resamples of the images have no value";
      continue;
    }
    add_spread(result, std::move(without[v]), drawn.strata);
    const double plain = std::pow(deviation_of(result.replicates), 2);
    if (result.variance == 0 || plain == 0) {
      result.why_not = "no resample of the images changes the value";
      continue;
    }
    result.widening = result.variance / plain;
  }
  return results;
}

void add_interval(Value& value, const ResampledValue& resampled, const ImageDraws::Drawn& drawn,
                  const MetricOptions& options, double bias) {
  if (!value.value) return;
  if (!resampled.why_not.empty()) {
    value.no_interval = resampled.why_not;
    return;
  }
  value.replicates.clear();
  for (const double replicate : resampled.replicates)
    value.replicates.push_back(*value.value + (replicate - resampled.estimate));
  value.drawing = Drawing{.seed = options.seed,
                          .tag = drawn.tag,
                          .widening = resampled.widening,
                          .degrees = resampled.degrees};
  value.variance = resampled.variance;
  value.degrees = resampled.degrees;
  value.bias = bias;
  // A value that few images pull down is, without them, too high and seems too sure, so the ends
  // are moved by its skewness (Johnson 1978; Hall 1992), but by half: the rest of it the degrees of
  // freedom have, and the skewness is itself an estimate. docs/statistics.md.
  constexpr double kLevel = 0.95, kShare = 0.5, kLeast = 1;
  const double normal = normal_quantile(0.5 + kLevel / 2),
               student = student_t_quantile(0.5 + kLevel / 2, resampled.degrees),
               moved = kShare * resampled.skewness * (2 * normal * normal + 1) / 6;
  const auto with = [&](double quantile) {
    return logit_interval(*value.value, bias, std::sqrt(*value.variance),
                          std::max(kLeast, quantile), kLevel, resampled.method);
  };
  value.interval = with(student - moved);
  value.interval->high = with(student + moved).high;
}

}  // namespace looktwice::metrics
