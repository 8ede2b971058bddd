// Prints, as Markdown, how often the intervals of pixel metrics hold the truth over simulated sets
// of images: docs/statistics.md. pixel_coverage [SETS [RESAMPLES [NAME [SEED]]]]: the design called
// NAME, else those whose name holds it; 1000, 200, all and 1 by default, a quarter of an hour on
// one thread.
#include "tests/metrics/pixel_coverage.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace looktwice::metrics {
namespace {

const std::vector<PixelDesign> kDesigns = {
    {.name = "40 + 40"},
    {.name = "40 + 40, both alike", .apart_b = 2},
    {.name = "20 + 20", .anomalous = 20, .normal = 20},
    {.name = "10 + 10", .anomalous = 10, .normal = 10},
    {.name = "100 + 30, nearly perfect",
     .anomalous = 100,
     .normal = 30,
     .apart_a = 4,
     .apart_b = 3.6},
    {.name = "40 + 40, images differ", .level = 0.9, .coarse = 0.6, .fine = 0.5},
    {.name = "mean of 3 classes of 20 + 20", .anomalous = 20, .normal = 20, .classes = 3},
    {.name = "masks, 40 + 40", .family = "generated"},
    {.name = "masks, 20 + 20", .anomalous = 20, .normal = 20, .family = "generated"},
    {.name = "masks, 60 + 30, most found",
     .anomalous = 60,
     .normal = 30,
     .family = "generated",
     .found_a = 0.97,
     .found_b = 0.95,
     .invented = 0.03},
    {.name = "masks, mean of 3 classes of 20 + 20",
     .anomalous = 20,
     .normal = 20,
     .family = "generated",
     .classes = 3},
    {.name = "LOCO, 30 + 30 + 40", .anomalous = 60, .normal = 40, .family = "spro"},
    {.name = "LOCO, 20 + 20 + 40, strong defects",
     .anomalous = 40,
     .normal = 40,
     .apart_a = 3,
     .apart_b = 2.7,
     .family = "spro"},
};

void run(int sets, int resamples, const std::string& wanted, std::uint64_t seed) {
  std::string family;
  const bool one = std::ranges::find(kDesigns, wanted, &PixelDesign::name) != kDesigns.end();
  for (const PixelDesign& design : kDesigns) {
    if (one ? design.name != wanted : design.name.find(wanted) == std::string::npos) continue;
    PixelCoverage found = pixel_coverage(design, sets, resamples, seed);
    if (family != design.family) {
      std::printf("\n\n| design |");
      for (const auto& [name, of] : found.single) std::printf(" %s |", name.c_str());
      std::printf("\n|---|");
      for (std::size_t i = 0; i < found.single.size(); ++i) std::printf("---|");
      family = design.family;
    }
    std::printf("\n| %s |", design.name.c_str());
    for (const auto& [name, of] : found.single)
      std::printf(" %.1f (%.1f, %.1f) |", of.percent(), 100.0 * of.below / of.sets,
                  100.0 * of.above / of.sets);
    std::printf("\n| %s, difference (alarms) |", design.name.c_str());
    for (const auto& [name, single] : found.single) {
      const PairedCoverage& of = found.paired[name];
      std::printf(" %.1f (%.1f, %.1f; %.1f) |", of.percent(), 100.0 * of.below / of.sets,
                  100.0 * of.above / of.sets, 100.0 * of.alarms / of.sets);
    }
    std::fflush(stdout);
  }
  std::printf("\n");
}

}  // namespace
}  // namespace looktwice::metrics

int main(int count, char** given) {
  looktwice::metrics::run(count > 1 ? std::atoi(given[1]) : 1000,
                          count > 2 ? std::atoi(given[2]) : 200, count > 3 ? given[3] : "",
                          static_cast<std::uint64_t>(count > 4 ? std::atoi(given[4]) : 1));
}
