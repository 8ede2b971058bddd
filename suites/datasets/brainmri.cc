// BrainMRI (Kaggle "Brain MRI Images for Brain Tumor Detection"): yes/ and no/, and the same files
// again under brain_tumor_dataset/, of which one copy is read. Mixed suffixes, sizes, grey and
// colour.
#include "suites/datasets/scans.h"

namespace looktwice::datasets {
namespace {
constexpr const char* kCopy = "brain_tumor_dataset";
}  // namespace

DatasetEntry brainmri_dataset() {
  return scan_entry({.name = "brainmri",
                     .title = "BrainMRI",
                     .summary = "yes/ and no/, or test/{good,defect}",
                     .category = "brain",
                     .usual_names = {"brainmri", "brain_mri_images",
                                     "brain_mri_images_for_brain_tumor_detection"},
                     .expected = {98, 155},
                     .has_inctrl_split = true,
                     .layout = "yes/ and no/",
                     .is_download =
                         [](const std::filesystem::path& folder) {
                           return holds_yes_and_no(folder) || holds_yes_and_no(folder / kCopy);
                         },
                     .add_download =
                         [](Gathering& gathering) {
                           const bool outside = holds_yes_and_no(gathering.root());
                           if (outside && gathering.has_folder(kCopy))
                             gathering.note("the same files lie there again; one copy is read",
                                            kCopy);
                           add_yes_and_no(gathering, outside ? "" : kCopy, "brain");
                         }});
}

}  // namespace looktwice::datasets
