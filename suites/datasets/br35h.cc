// Br35H (Kaggle "Br35H :: Brain Tumor Detection 2020"): yes/ and no/. Beside them lie pred/
// (unlabelled) and Br35H-Mask-RCNN/ (copies of yes), which a script that calls every folder but
// "no" anomalous would count.
#include "suites/datasets/scans.h"

namespace looktwice::datasets {

DatasetEntry br35h_dataset() {
  return scan_entry(
      {.name = "br35h",
       .title = "Br35H",
       .summary = "yes/ and no/, or test/{good,defect}",
       .category = "brain",
       .usual_names = {"br35h", "br35h_brain_tumor_detection_2020", "brain_tumor_detection"},
       .expected = {1500, 1500},
       .layout = "yes/ and no/",
       .is_download = holds_yes_and_no,
       .add_download = [](Gathering& gathering) {
         add_yes_and_no(gathering, "", "brain");
         for (const std::string& name : gathering.folders(""))
           if (name != "yes" && name != "no")
             gathering.note("folders that are neither yes nor no are left out", name);
       }});
}

}  // namespace looktwice::datasets
