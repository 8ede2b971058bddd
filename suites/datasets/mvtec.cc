// MVTec AD (Bergmann et al. 2019).
#include "suites/datasets/tree.h"

namespace looktwice::datasets {

DatasetEntry mvtec_dataset() {
  return tree_entry("mvtec", "<class>/{train/good,test/<good|type>,ground_truth/<type>}",
                    {.title = "MVTec AD",
                     .usual_names = {"mvtec", "mvtec_ad", "mvtec_anomaly_detection", "mvad"},
                     .expected = {{"bottle", {20, 63}},
                                  {"cable", {58, 92}},
                                  {"capsule", {23, 109}},
                                  {"carpet", {28, 89}},
                                  {"grid", {21, 57}},
                                  {"hazelnut", {40, 70}},
                                  {"leather", {32, 92}},
                                  {"metal_nut", {22, 93}},
                                  {"pill", {26, 141}},
                                  {"screw", {41, 119}},
                                  {"tile", {33, 84}},
                                  {"toothbrush", {12, 30}},
                                  {"transistor", {60, 40}},
                                  {"wood", {19, 60}},
                                  {"zipper", {32, 119}}}});
}

}  // namespace looktwice::datasets
