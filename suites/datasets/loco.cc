// MVTec LOCO AD (Bergmann et al. 2022). One mask file per defect, its pixel value the defect's id;
// the binary mask is their OR; defects_config.json says where each defect saturates, for sPRO. The
// validation part is not used.
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry loco_dataset() {
  return tree_entry(
      "loco",
      "<class>/{train/good,test/{good,logical_anomalies,structural_anomalies},"
      "ground_truth/<kind>/NNN/MMM.png}",
      {.title = "MVTec LOCO",
       .usual_names = {"loco", "mvtec_loco", "mvtec_loco_ad", "mvtec_loco_anomaly_detection"},
       .expected = {{"breakfast_box", {102, 173}},
                    {"juice_bottle", {94, 236}},
                    {"pushpins", {138, 172}},
                    {"screw_bag", {122, 219}},
                    {"splicing_connectors", {119, 193}}},
       .rules = {.defects_config = "defects_config.json", .folder_per_image = true},
       .has_kinds = true});
}

}  // namespace looktwice::datasets
