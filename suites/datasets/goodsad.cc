// GoodsAD, supermarket goods (Zhang et al. 2024). Masks by stem.
// drink_can: the published baselines fit 147/146; a set with one image less is read, with a
// warning.
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry goodsad_dataset() {
  return tree_entry("goodsad", "MVTec layout, six kinds of goods",
                    {.title = "GoodsAD",
                     .usual_names = {"goodsad", "goods"},
                     .expected = {{"cigarette_box", {183, 246}},
                                  {"drink_bottle", {356, 425}},
                                  {"drink_can", {147, 147}},
                                  {"food_bottle", {243, 361}},
                                  {"food_box", {146, 251}},
                                  {"food_package", {253, 230}}}});
}

}  // namespace looktwice::datasets
