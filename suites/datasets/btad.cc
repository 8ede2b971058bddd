// BTAD, beanTech (Mishra et al. 2021). Images .bmp or .png beside masks .png or .bmp: matched by
// stem.
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry btad_dataset() {
  return tree_entry("btad", "{01,02,03}/{train/ok,test/{ok,ko},ground_truth/ko}",
                    {.title = "BTAD",
                     .usual_names = {"btad", "BTech_Dataset_transformed"},
                     .expected = {{"01", {21, 49}}, {"02", {30, 200}}, {"03", {400, 41}}},
                     .rules = {.normal_names = {"ok", "good"}}});
}

}  // namespace looktwice::datasets
