// Prints, as Markdown, how often each printed interval holds the truth over simulated data sets:
// docs/statistics.md. interval_coverage [SETS [RESAMPLES]]; 2000 and 500 by default, some minutes.
#include <cstdio>
#include <cstdlib>

#include "tests/metrics/coverage.h"

int main(int argc, char** argv) {
  using namespace looktwice::metrics;
  const int sets = argc > 1 ? std::atoi(argv[1]) : 2000,
            resamples = argc > 2 ? std::atoi(argv[2]) : 500;
  const std::vector<Design> designs = {
      {.name = "60 + 60, AUROC 0.80"},
      {.name = "60 + 60, AUROC 0.80, labels at random", .random_labels = true},
      {.name = "20 + 20, AUROC 0.80", .positives = 20, .negatives = 20},
      {.name = "300 + 300, AUROC 0.80", .positives = 300, .negatives = 300},
      {.name = "60 + 60, AUROC 0.95", .apart = 2.326, .threshold = 1.16},
      {.name = "60 + 60, AUROC 0.99", .apart = 3.29, .threshold = 1.64},
      {.name = "30 + 100, AUROC 0.70",
       .positives = 30,
       .negatives = 100,
       .apart = 0.742,
       .threshold = 0.7},
      {.name = "100 + 20, AUROC 0.90, spread 1.7",
       .positives = 100,
       .negatives = 20,
       .apart = 2.5,
       .spread = 1.7},
      {.name = "60 + 60, AUROC 0.80, tied to halves", .levels = 2, .threshold = 0.5},
      {.name = "40 + 40, AUROC 0.50", .positives = 40, .negatives = 40, .apart = 0},
      {.name = "mean of 10 classes of 30 + 30, AUROC 0.80",
       .positives = 30,
       .negatives = 30,
       .classes = 10},
      {.name = "mean of 10 classes of 40 + 20, AUROC 0.98",
       .positives = 40,
       .negatives = 20,
       .apart = 2.9,
       .threshold = 1.4,
       .classes = 10},
  };
  std::printf("%d data sets each, %d resamples.\n\n| design |", sets, resamples);
  bool header = false;
  for (const Design& design : designs) {
    const auto covered = coverage(design, sets, resamples);
    if (!header) {
      for (const auto& [name, of] : covered) std::printf(" %s |", name.c_str());
      std::printf("\n|---|");
      for (std::size_t i = 0; i < covered.size(); ++i) std::printf("---|");
      header = true;
    }
    std::printf("\n| %s |", design.name.c_str());
    for (const auto& [name, of] : covered)
      std::printf(" %.1f (%.1f, %.1f) |", of.percent(), 100.0 * of.below / of.sets,
                  100.0 * of.above / of.sets);
    std::fflush(stdout);
  }
  std::printf("\n");
}
