#include "suites/kinds.h"

namespace looktwice::suites {

void add_kind_metrics(Plan& plan) {
  for (const char* kind : {"of_kinds", "structural", "logical"})
    plan.image_metrics.push_back(std::string("auroc_") + kind);
  for (const char* metric :
       {"au_spro_0.01", "au_spro_0.05", "au_spro_0.1", "au_spro_0.3", "au_spro_1", "map_max_auroc"})
    for (const char* kind : {"", "_structural", "_logical"})
      plan.pixel_metrics.push_back(std::string(metric) + kind);
}

}  // namespace looktwice::suites
