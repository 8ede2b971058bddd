#include "metrics/pixel/image_resampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "metrics/stats/distributions.h"
#include "metrics/stats/logit_interval.h"

namespace looktwice::metrics {
namespace {

// Draws of one stratum alone, which only tell the strata's shares of the variance.
constexpr int kSharesFrom = 200;

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

std::vector<ResampledValue> resampled(
    const ImageDraws::Drawn& drawn, std::size_t values, const MetricOptions& options,
    const std::function<void(std::span<const std::uint32_t>, std::span<double>)>& statistics) {
  std::vector<ResampledValue> results(values);
  std::vector<double> estimates(values);
  const std::vector<std::uint32_t> once(drawn.order.size(), 1);
  statistics(once, estimates);
  for (std::size_t v = 0; v < values; ++v) {
    results[v].estimate = estimates[v];
    results[v].why_not = options.resamples < 2 ? "--resamples=0" : drawn.why_not;
  }
  if (!results.empty() && !results[0].why_not.empty()) return results;
  const BootstrapOptions all{.resamples = options.resamples,
                             .key = {.seed = options.seed, .tag = drawn.tag},
                             .threads = options.threads};
  auto replicates = bootstrap(drawn.strata, values, all, statistics);
  // variances[value][stratum], corrected for its number of images.
  std::vector<std::vector<double>> variances(values, std::vector<double>(drawn.strata.size(), 0));
  BootstrapOptions few = all;
  few.resamples = std::min(options.resamples, kSharesFrom);
  std::size_t first = 0;
  for (std::size_t s = 0; s < drawn.strata.size(); first += drawn.strata[s], ++s) {
    if (drawn.strata[s] == 0) continue;
    const auto alone =
        bootstrap(drawn.strata, values, few,
                  [&](std::span<const std::uint32_t> counts, std::span<double> out) {
                    std::vector<std::uint32_t> own(counts.size(), 1);
                    std::copy_n(counts.begin() + static_cast<std::ptrdiff_t>(first),
                                drawn.strata[s], own.begin() + static_cast<std::ptrdiff_t>(first));
                    statistics(own, out);
                  });
    for (std::size_t v = 0; v < values; ++v) variances[v][s] = std::pow(deviation_of(alone[v]), 2);
  }
  for (std::size_t v = 0; v < values; ++v) {
    ResampledValue& result = results[v];
    result.replicates = std::move(replicates[v]);
    if (std::ranges::any_of(result.replicates, [](double one) { return !std::isfinite(one); })) {
      result.why_not = "some resamples of the images have no value";
      continue;
    }
    double plain = 0, corrected = 0, by_degrees = 0;
    for (std::size_t s = 0; s < drawn.strata.size(); ++s) {
      if (!(variances[v][s] > 0)) continue;
      const auto n = static_cast<double>(drawn.strata[s]);
      const double own = variances[v][s] * n / (n - 1);
      plain += variances[v][s];
      corrected += own;
      by_degrees += own * own / (n - 1);
    }
    if (plain == 0 || deviation_of(result.replicates) == 0) {
      result.why_not = "no resample of the images changes the value";
      continue;
    }
    result.widening = corrected / plain;
    result.degrees = corrected * corrected / by_degrees;
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
  value.variance = std::pow(deviation_of(resampled.replicates), 2) * resampled.widening;
  value.degrees = resampled.degrees;
  value.bias = bias;
  constexpr double kLevel = 0.95;
  value.interval = logit_interval(*value.value, bias, std::sqrt(*value.variance),
                                  student_t_quantile(0.5 + kLevel / 2, resampled.degrees), kLevel,
                                  "image bootstrap");
}

}  // namespace looktwice::metrics
