// MPDD, metal parts (Jezek et al. 2021).
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry mpdd_dataset() {
  return tree_entry("mpdd", "MVTec layout, six metal parts",
                    {.title = "MPDD",
                     .usual_names = {"mpdd"},
                     .expected = {{"bracket_black", {32, 47}},
                                  {"bracket_brown", {26, 51}},
                                  {"bracket_white", {30, 30}},
                                  {"connector", {30, 14}},
                                  {"metal_plate", {26, 71}},
                                  {"tubes", {32, 69}}}});
}

}  // namespace looktwice::datasets
